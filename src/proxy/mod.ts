/**
 * The proxy at work: {@linkcode serve} opens the listeners of a configuration and runs a driver for each connection.
 *
 * @module
 */

export { serve, tryServe } from "./worker.ts";
export { StartError } from "./start_error.ts";
export type { ServeOptions, Server, ServingListener } from "./server.ts";
export { createTicketKey, TICKET_KEY_LIFE } from "./ticket_keys.ts";
export type { Board } from "./board.ts";
export type { SessionRecord } from "./record.ts";
export { sessionFactory } from "./factory.ts";

/** The formats of access logs that need no `log_format`, and how one is found by its name. */

import type { Octets } from "../../runtime.ts";
import { type Escaping, type LineWriter, lineWriter, VariableTable } from "../../variables/mod.ts";

/** One `log_format`. */
export interface LogFormat {
  readonly name: Octets;
  readonly write: LineWriter;
}

/** For people: what nginx's http module has under this name, with what a mail session has to tell. */
const COMBINED =
  '$remote_addr - "$auth_user" [$time_local] $protocol $session_event $status $session_result fault=$session_fault ' +
  "phase=$session_phase bytes=$bytes_received/$bytes_sent time=$session_time tls=$ssl_protocol " +
  'auth=$auth_method/$auth_attempts/$auth_time upstream="$upstream_addr" connect="$upstream_connect_time" ' +
  'login="$upstream_login_time" server=$listen_addr conn=$pid*$connection';

/** For programs: an object in each line. What may have no value is a text, so that the line stays an object. */
const JSON_MEMBERS: readonly Octets[] = [
  '"time":"$time_iso8601"',
  '"event":"$session_event"',
  '"connection":"$pid*$connection"',
  '"protocol":"$protocol"',
  '"listen":"$listen_addr"',
  '"remote_addr":"$remote_addr"',
  '"remote_port":"$remote_port"',
  '"start":"$session_start"',
  '"session_time":$session_time',
  '"status":$status',
  '"result":"$session_result"',
  '"fault":"$session_fault"',
  '"phase":"$session_phase"',
  '"bytes_received":$bytes_received',
  '"bytes_sent":$bytes_sent',
  '"user":"$auth_user"',
  '"auth_method":"$auth_method"',
  '"auth_attempts":$auth_attempts',
  '"auth_time":"$auth_time"',
  '"starttls":"$starttls"',
  '"ssl_protocol":"$ssl_protocol"',
  '"ssl_cipher":"$ssl_cipher"',
  '"ssl_server_name":"$ssl_server_name"',
  '"ssl_handshake_time":"$ssl_handshake_time"',
  '"upstream_addr":"$upstream_addr"',
  '"upstream_connect_time":"$upstream_connect_time"',
  '"upstream_login_time":"$upstream_login_time"',
  '"upstream_session_time":"$upstream_session_time"',
  '"upstream_bytes_sent":"$upstream_bytes_sent"',
  '"upstream_bytes_received":"$upstream_bytes_received"',
];

/** Their texts, for the documentation too. */
export const READY_FORMATS: readonly { readonly name: Octets; readonly escaping: Escaping; readonly text: Octets }[] = [
  { name: "combined", escaping: "default", text: COMBINED },
  { name: "json", escaping: "json", text: `{${JSON_MEMBERS.join(",")}}` },
];

/** The format of a name, in whatever case, as nginx finds it: those of the configuration come first. */
export function findFormat(name: Octets, given: readonly LogFormat[]): LogFormat | undefined {
  const lower = name.toLowerCase();
  const own = given.find((format) => format.name.toLowerCase() === lower);
  if (own !== undefined) return own;
  const ready = READY_FORMATS.find((format) => format.name === lower);
  if (ready === undefined) return undefined;
  const table = new VariableTable();
  const parts = table.parts(ready.text, "command line");
  table.link();
  return { name: ready.name, write: lineWriter(parts, ready.escaping) };
}

/** What differs between a client in clear and one that speaks TLS. */
export interface ByTls<Value> {
  readonly clear: Value;
  readonly secure: Value;
}

/** The value for a client. */
export function byTls<Value>(values: ByTls<Value>, isSecure: boolean): Value {
  return isSecure ? values.secure : values.clear;
}

/** `proxy_ssl`: TLS with the upstream from the first octet (`on`), after its consent (`starttls`), or not at all. */
export type UpstreamTls = "off" | "on" | "starttls";

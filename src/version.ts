/**
 * What this program calls itself.
 *
 * @module
 */

export const VERSION = "0.1.0";

/** The nginx whose `mail {}` this version speaks: tools look for a version of nginx in the log. */
export const NGINX_VERSION = "1.31.5";

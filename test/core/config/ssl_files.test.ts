/** What the files of TLS hold, and nginx's words when they do not. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ConfigError, readClientTlsFiles, readSslFiles } from "../../../src/config/mod.ts";
import type { Files, Octets } from "../../../src/runtime.ts";
import { memoryFiles, serverWith } from "../../support/config.ts";

function pem(label: string, body = "AA=="): Octets {
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

const FILES = {
  cert: pem("CERTIFICATE"),
  chain: `${pem("CERTIFICATE", "BB==")}text\n${pem("CERTIFICATE", "CC==")}`,
  key: pem("PRIVATE KEY"),
  rsa: pem("RSA PRIVATE KEY"),
  locked: pem("ENCRYPTED PRIVATE KEY"),
  ca: pem("TRUSTED CERTIFICATE").trimEnd(),
  crl: pem("X509 CRL"),
  dh: pem("DH PARAMETERS"),
  t48: "x".repeat(16) + "y".repeat(32),
  t80: "x".repeat(16) + "y".repeat(64),
  t47: "x".repeat(47),
  garbage: "garbage\n",
  empty: "",
  der: "\x30\x82\x01\x00",
};

const BASE = "starttls on; ssl_certificate cert; ssl_certificate_key key;";

function read(lines: Octets, files: Pick<Files, "read"> = memoryFiles(FILES)) {
  const { ssl } = serverWith("starttls on;", lines);
  if (ssl === undefined) throw new Error("no TLS");
  return readSslFiles(ssl, files);
}

function problemOf(run: () => unknown): string {
  try {
    run();
    return "ok";
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.hint === undefined ? error.message : `${error.message}\n${error.hint}`;
  }
}

describe("the files of TLS with clients", () => {
  it("come to what a runtime is told", () => {
    const lines = [
      "ssl_certificate chain; ssl_certificate_key key; ssl_certificate cert; ssl_certificate_key rsa;",
      "ssl_verify_client on; ssl_client_certificate ca; ssl_trusted_certificate chain; ssl_crl crl;",
      "ssl_dhparam dh; ssl_session_ticket_key t80; ssl_session_ticket_key t48;",
    ];
    assertEquals(read(lines.join("\n")), {
      keyPairs: [
        { certificate: FILES.chain, key: FILES.key, passphrases: [] },
        { certificate: FILES.cert, key: FILES.rsa, passphrases: [] },
      ],
      authorities: [`${FILES.ca}\n`, FILES.chain],
      crl: FILES.crl,
      dhparam: FILES.dh,
      ticketKeys: [FILES.t80, FILES.t48].map((text) => new TextEncoder().encode(text)),
    });
  });

  it("are not read where nothing asks for them", () => {
    const lines = "ssl_certificate cert; ssl_certificate_key locked; ssl_trusted_certificate nope; ssl_crl nope;";
    assertEquals(read(lines), {
      keyPairs: [{ certificate: FILES.cert, key: FILES.locked, passphrases: [] }],
      authorities: [],
      crl: "",
      dhparam: undefined,
      ticketKeys: [],
    });
  });

  it("may be in the configuration itself", () => {
    const lines = `ssl_certificate "data:${FILES.cert}"; ssl_certificate_key "data:${FILES.key}";`;
    assertEquals(read(lines).keyPairs, [{ certificate: FILES.cert, key: FILES.key, passphrases: [] }]);
  });
});

const NO_FILE = "error:80000002:system library::No such file or directory:calling fopen(nope, r) " +
  "error:10000080:BIO routines::no such file";
const NO_CERTIFICATE =
  "PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE) in f:5";
const NO_KEY = "PEM_read_bio_PrivateKey() failed (SSL: error:1E08010C:DECODER routines::unsupported:" +
  "No supported data to decode. Input type: PEM) in f:5";

const PROBLEMS: readonly [lines: string, error: string][] = [
  [
    "ssl_certificate nope; ssl_certificate_key key;",
    `cannot load certificate "nope": BIO_new_file() failed (SSL: ${NO_FILE}) in f:5`,
  ],
  ["ssl_certificate garbage; ssl_certificate_key key;", `cannot load certificate "garbage": ${NO_CERTIFICATE}`],
  [
    "ssl_certificate empty; ssl_certificate_key key;",
    `cannot load certificate "empty": ${NO_CERTIFICATE}\nit is empty`,
  ],
  [
    "ssl_certificate key; ssl_certificate_key key;",
    `cannot load certificate "key": ${NO_CERTIFICATE}\nwhat it holds: private key`,
  ],
  [
    "ssl_certificate der; ssl_certificate_key key;",
    `cannot load certificate "der": ${NO_CERTIFICATE}\nit looks like DER: openssl can make PEM of it`,
  ],
  ["ssl_certificate data:garbage; ssl_certificate_key key;", `cannot load certificate "data:": ${NO_CERTIFICATE}`],
  [
    "ssl_certificate cert; ssl_certificate_key nope;",
    `cannot load certificate key "nope": BIO_new_file() failed (SSL: ${NO_FILE}) in f:5`,
  ],
  [
    "ssl_certificate cert; ssl_certificate_key cert;",
    `cannot load certificate key "cert": ${NO_KEY}\nwhat it holds: certificate`,
  ],
  ["ssl_certificate cert; ssl_certificate_key data:secret;", `cannot load certificate key "data:": ${NO_KEY}`],
  [`${BASE} ssl_dhparam nope;`, `BIO_new_file("nope") failed (SSL: ${NO_FILE}) in f:5`],
  [
    `${BASE} ssl_dhparam garbage;`,
    'PEM_read_bio_DHparams("garbage") failed (SSL: error:0480006C:PEM routines::no start line:Expecting: DH PARAMETERS)' +
    " in f:5",
  ],
  [`${BASE} ssl_session_ticket_key nope;`, 'open() "nope" failed (2: No such file or directory) in f:5'],
  [
    `${BASE} ssl_session_ticket_key t48;\nssl_session_ticket_key t47;\nssl_session_ticket_key t80;`,
    '"t47" must be 48 or 80 bytes in f:6\n' +
    'it has 47: "openssl rand 48" makes a key, with random octets and no line end',
  ],
  [
    `${BASE} ssl_verify_client on; ssl_client_certificate nope;`,
    `failed to load "nope": BIO_new_file() failed (SSL: ${NO_FILE}) in f:5`,
  ],
  [
    `${BASE} ssl_verify_client optional_no_ca; ssl_trusted_certificate garbage;`,
    'failed to load "garbage": PEM_read_bio_X509() failed (SSL: error:0480006C:PEM routines::no start line:' +
    "Expecting: CERTIFICATE) in f:5",
  ],
  [
    `${BASE} ssl_verify_client optional_no_ca; ssl_crl cert;`,
    'failed to load "cert": PEM_read_bio_X509_CRL() failed (SSL: error:0480006C:PEM routines::no start line:' +
    "Expecting: X509 CRL) in f:5\nwhat it holds: certificate",
  ],
];

describe("files of TLS that are refused", () => {
  for (const [lines, error] of PROBLEMS) {
    const own = lines.replace("starttls on; ", "");
    it(own, () => assertEquals(problemOf(() => read(own)), error));
  }

  it("with the system's reason", () => {
    const files = { read: () => ({ number: 13, text: "Permission denied" }) };
    assertEquals(
      problemOf(() => read("ssl_certificate /x; ssl_certificate_key k;", files)),
      'cannot load certificate "/x": BIO_new_file() failed (SSL: error:8000000D:system library::Permission denied:' +
        "calling fopen(/x, r) error:10080002:BIO routines::system lib) in f:5",
    );
  });
});

describe("the files of TLS with servers", () => {
  const client = (...lines: string[]) => readClientTlsFiles(serverWith(...lines).proxy.ssl, memoryFiles(FILES));

  it("come to what a runtime is told", () => {
    assertEquals(client(), { keyPair: undefined, authorities: "", crl: "" });
    assertEquals(
      client(
        "proxy_ssl_certificate cert; proxy_ssl_certificate_key key; proxy_ssl_trusted_certificate chain;",
        "proxy_ssl_crl crl;",
      ),
      {
        keyPair: { certificate: FILES.cert, key: FILES.key, passphrases: [] },
        authorities: FILES.chain,
        crl: FILES.crl,
      },
    );
  });

  it("are not read where nothing is verified", () => {
    const lines = "proxy_ssl_verify off; proxy_ssl_trusted_certificate nope; proxy_ssl_crl nope;";
    assertEquals(client(lines), { keyPair: undefined, authorities: "", crl: "" });
  });

  it("are missed", () => {
    assertEquals(
      problemOf(() => client("proxy_ssl_trusted_certificate nope;")),
      `failed to load "nope": BIO_new_file() failed (SSL: ${NO_FILE}) in f:4`,
    );
  });
});

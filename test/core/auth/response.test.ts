import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { MAX_BODY } from "../../../src/auth/_http_body.ts";
import { MAX_HEAD, MAX_INTERIM, ResponseReader } from "../../../src/auth/_http_response.ts";
import { encode } from "../../../src/session/bytes.ts";
import { KEPT, seeded } from "./_support.ts";

/** What a reader knows at the end of what it was fed. */
interface Outcome {
  readonly state: string;
  readonly fault?: string;
  readonly status?: number;
  readonly fields?: readonly string[];
}

function outcome(reader: ResponseReader): Outcome {
  const { state } = reader;
  if (state === "start" || state === "head") return { state };
  if (state === "failed") return { state, fault: reader.fault };
  const { status, fields } = reader.head;
  return { state, status, fields: fields.map(({ name, value }) => `${name}=${value}`) };
}

function feed(parts: readonly string[], needsStatusLine: boolean): Outcome {
  const reader = new ResponseReader();
  reader.reset(needsStatusLine);
  for (const part of parts) {
    const { state } = reader;
    if (state === "failed" || state === "spent") break;
    // A connection at rest closes on octets that it did not ask for; the reader is not told of them.
    if (state === "complete" && part !== "") return { ...outcome(reader), state: "spent" };
    reader.read(encode(part));
  }
  return outcome(reader);
}

/** Reads whole, cut in two at every octet, one by one, and in random pieces: all must come to the same. */
function read(response: string, needsStatusLine = false): Outcome {
  const whole = feed([response], needsStatusLine);
  const random = seeded(response.length);
  const check = (parts: readonly string[]) => assertEquals(feed(parts, needsStatusLine), whole);
  const step = Math.max(1, Math.floor(response.length / 400));
  for (let at = 0; at <= response.length; at += step) check([response.slice(0, at), response.slice(at)]);
  check([...response]);
  for (let round = 0; round < 20; round++) {
    const parts: string[] = [];
    for (let at = 0; at < response.length;) {
      const length = random(9) === 0 ? random(3000) : random(12);
      parts.push(response.slice(at, at + length));
      at += length;
    }
    check(parts);
  }
  return whole;
}

function failed(fault: string): Outcome {
  return { state: "failed", fault };
}

const OK = "Auth-Status: OK\r\n";

describe("the head of a response", () => {
  it("is a status line and fields, of which those about the login are kept", () => {
    const response = "HTTP/1.1 200 OK\r\nServer: nginx\r\nAuth-Status: OK\r\nAuth-Server: ::1\r\nAuth-Port: 143\r\n" +
      "Auth-User: u\r\nAuth-Pass: p\r\nAuth-Wait: 3\r\nAuth-Error-Code: 454\r\nContent-Length: 0\r\n\r\n";
    assertEquals(read(response), {
      state: "complete",
      status: 200,
      fields: [
        "auth-status=OK",
        "auth-server=::1",
        "auth-port=143",
        "auth-user=u",
        "auth-pass=p",
        "auth-wait=3",
        "auth-error-code=454",
      ],
    });
  });

  it("may do without the status line", () => {
    assertEquals(read(`${OK}\r\n`), { state: "spent", status: 0, fields: ["auth-status=OK"] });
    assertEquals(read(`HTTP: yes\r\n${OK}\r\n`), { state: "spent", status: 0, fields: ["auth-status=OK"] });
    assertEquals(read("\r\n"), { state: "spent", status: 0, fields: [] });
  });

  it("needs the status line where an earlier response may have left something over", () => {
    assertEquals(read(`${OK}\r\n`, true), failed("invalidResponse"));
    assertEquals(read("\r\n", true), failed("invalidResponse"));
    assertEquals(read("<html>", true), failed("invalidResponse"));
    assertEquals(read("HTTX", true), failed("invalidResponse"));
    assertEquals(read("HTT\n", true), failed("invalidResponse"));
    assertEquals(read("x".repeat(MAX_HEAD + 1), true), failed("invalidResponse"));
    assertEquals(read("HTT", true), { state: "head" });
    assertEquals(read(KEPT, true).state, "complete");
  });

  it("takes a lone LF for a line's end", () => {
    const fields = ["auth-status=OK", "auth-port=1"];
    assertEquals(read("HTTP/1.0 200 OK\nAuth-Status: OK\r\nAuth-Port: 1\n\n"), { state: "spent", status: 200, fields });
  });

  it("takes names without regard to case, and values without the blanks around them", () => {
    const response = "AUTH-STATUS:OK\nauth-server:   a b  \nAuth-Port: \nAuth-Wait\nauth-USER:\t t \t\n\n";
    const fields = ["auth-status=OK", "auth-server=a b", "auth-port=", "auth-wait=", "auth-user=\t t \t"];
    assertEquals(read(response).fields, fields);
  });

  it("leaves every other octet of a value alone", () => {
    const value = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet)).join("").replace(
      /[\0\r\n]/g,
      "",
    );
    assertEquals(read(`Auth-Pass: x${value}x\n\n`).fields, [`auth-pass=x${value}x`]);
  });

  it("keeps repeated fields in their order", () => {
    assertEquals(read("Auth-Status: no\nAuth-Status: OK\n\n").fields, ["auth-status=no", "auth-status=OK"]);
  });

  const invalidLines = [
    "Auth_Status: OK",
    " folded",
    "\tfolded",
    "Auth-Status : OK",
    ": nameless",
    "Auth\0Status: OK",
    "Auth-Status: O\0K",
    "X-Other: \0",
    "Auth-Status: O\rK",
    "Auth-Status: OK\r",
    "\rX: y",
    "Auth-St\xe4tus: OK",
    "<html>",
    "GET / HTTP/1.1",
    "http/1.1 200 OK",
  ];
  for (const line of invalidLines) {
    it(`is refused for the line ${JSON.stringify(line)}`, () => {
      assertEquals(read(`HTTP/1.1 200 OK\r\n${OK}${line}\r\n\r\n`), failed("invalidHeader"));
      assertEquals(read(`${line}\r\n${OK}\r\n`), failed("invalidHeader"));
    });
  }

  const invalidStatusLines = [
    "HTTP/",
    "HTTP/1.1",
    "HTTP/1.1 ",
    "HTTP/1.1 20",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 2x0 OK",
    "HTTP/1.1 099 OK",
    "HTTP/1.1  200 OK",
    "HTTP/1.1\t200 OK",
    "HTTP/11 200 OK",
    "HTTP/1. 200 OK",
    "HTTP/a.b 200 OK",
    "HTTP/0.9 200 OK",
    "HTTP/1.1 200\0",
  ];
  for (const line of invalidStatusLines) {
    it(`is refused for the status line ${JSON.stringify(line)}`, () => {
      assertEquals(read(`${line}\r\n${OK}\r\n`), failed("invalidResponse"));
    });
  }

  it("may have a status line without a reason, and any reason", () => {
    assertEquals(read(`HTTP/1.1 204\r\n${OK}\r\n`).state, "complete");
    assertEquals(read(`HTTP/1.1 204 \r\n${OK}\r\n`).state, "complete");
    assertEquals(read(`HTTP/1.1 204 \xff: x\r\n${OK}\r\n`).state, "complete");
  });

  it("is bounded, whatever it is made of", () => {
    const room = MAX_HEAD - "HTTP/1.1 204 OK\r\nX: \r\n\r\n".length;
    assertEquals(read(`HTTP/1.1 204 OK\r\nX: ${"y".repeat(room)}\r\n\r\n`).state, "complete");
    assertEquals(read(`HTTP/1.1 204 OK\r\nX: ${"y".repeat(room + 1)}\r\n\r\n`), failed("tooLongHead"));
    assertEquals(read(`HTTP/1.1 200 OK\r\n${"Auth-Status: no\r\n".repeat(1000)}`), failed("tooLongHead"));
    assertEquals(read("x".repeat(MAX_HEAD)), { state: "head" });
    assertEquals(read("x".repeat(MAX_HEAD + 1)), failed("tooLongHead"));
  });

  it("comes after any interim responses, which must not be many", () => {
    const interim = "HTTP/1.1 103 Early Hints\r\nAuth-Status: no\r\nContent-Length: 5\r\n\r\n";
    assertEquals(read(`HTTP/1.1 100 Continue\r\n\r\n${interim}${KEPT}`), { ...read(KEPT) });
    assertEquals(read(interim.repeat(MAX_INTERIM) + KEPT).state, "complete");
    assertEquals(read(interim.repeat(MAX_INTERIM + 1) + KEPT), failed("invalidResponse"));
    assertEquals(read(interim + OK), failed("invalidResponse"));
  });

  it("says that no more than this was read, before it is whole", () => {
    for (let length = 1; length < KEPT.length; length++) assertEquals(read(KEPT.slice(0, length)), { state: "head" });
  });
});

describe("the end of a response", () => {
  const head = (...fields: readonly string[]) =>
    `HTTP/1.1 200 OK\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`;
  const state = (response: string) => read(response).state;

  it("is known by Content-Length", () => {
    assertEquals(state(head("Content-Length: 0")), "complete");
    assertEquals(state(head("Content-Length: 5")), "body");
    assertEquals(state(`${head("Content-Length: 5")}1234`), "body");
    assertEquals(state(`${head("Content-Length: 5")}12345`), "complete");
    assertEquals(state(`${head("Content-Length: 5")}123456`), "spent");
    assertEquals(state(head(`Content-Length: ${MAX_BODY}`) + "x".repeat(MAX_BODY)), "complete");
    assertEquals(state(head(`Content-Length: ${MAX_BODY + 1}`)), "spent");
  });

  it("is not trusted when Content-Length makes no sense", () => {
    for (const length of ["", "-1", "+5", "0x5", "5 5", "5,5", "5;", "1e1", "9".repeat(30)]) {
      assertEquals(state(`${head(`Content-Length: ${length}`)}12345`), "spent", length);
    }
    assertEquals(state(`${head("Content-Length: 5", "Content-Length: 5")}12345`), "spent");
    assertEquals(state(`${head("Content-Length: 5", "Content-Length: 6")}12345`), "spent");
  });

  it("is the connection's without a length", () => {
    assertEquals(state(head()), "spent");
    assertEquals(state(head("Auth-Status: OK")), "spent");
  });

  it("is the head's for 204 and 304", () => {
    assertEquals(state("HTTP/1.1 204 No Content\r\n\r\n"), "complete");
    assertEquals(state("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), "complete");
    assertEquals(state("HTTP/1.1 204 No Content\r\n\r\nx"), "spent");
  });

  it("does not matter when the server closes, or speaks HTTP/1.0, or another protocol now", () => {
    assertEquals(state(head("Connection: close", "Content-Length: 0")), "spent");
    assertEquals(state(head("Connection: Keep-Alive , CLOSE", "Content-Length: 0")), "spent");
    assertEquals(state(head("Connection: x", "Connection: close", "Content-Length: 0")), "spent");
    assertEquals(state(head("Connection: closed", "Content-Length: 0")), "complete");
    assertEquals(state("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), "spent");
    assertEquals(state("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"), "complete");
    assertEquals(state("HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"), "spent");
    assertEquals(state("HTTP/2.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "spent");
    assertEquals(state("HTTP/1.1 101 Switching\r\nContent-Length: 0\r\n\r\n"), "spent");
  });

  const chunked = head("Transfer-Encoding: chunked");
  it("is the last chunk's", () => {
    assertEquals(state(chunked), "body");
    assertEquals(state(`${chunked}0\r\n`), "body");
    assertEquals(state(`${chunked}0\r\n\r\n`), "complete");
    assertEquals(state(`${chunked}5\r\nhello\r\n0\r\n\r\n`), "complete");
    assertEquals(
      state(`${chunked}5\r\nhello\r\nA;x="y"\r\n0123\r\n6789\r\n000\r\nX-Trailer: y\r\nZ\r\n\r\n`),
      "complete",
    );
    assertEquals(state(`${chunked}5 \nhello\n0\nX: y\n\n`), "complete");
    assertEquals(state(`${chunked}0\r\n\r\nx`), "spent");
    assertEquals(state(`${head("Transfer-Encoding:  CHUNKED ")}0\r\n\r\n`), "complete");
  });

  it("is not trusted when the chunks make no sense", () => {
    const nonsense = [
      "\r\n",
      "x",
      "-1\r\n",
      "5\r\nhello0\r\n",
      "5\rhello",
      "5x\r\n",
      " 5\r\n",
      "0\r\n\rx",
      ";\r\n",
      "\0",
    ];
    for (const body of [...nonsense, "0x5\r\n", "5\r\nhello\rx", "123456789\r\n", "0".repeat(9)]) {
      assertEquals(state(chunked + body), "spent", JSON.stringify(body));
    }
  });

  it("is not waited for beyond a bound", () => {
    const chunk = `1000\r\n${"x".repeat(0x1000)}\r\n`;
    assertEquals(state(`${chunked}${chunk.repeat(15)}0\r\n\r\n`), "complete");
    assertEquals(state(chunked + chunk.repeat(17)), "spent");
    assertEquals(state(`${chunked}5;${"x".repeat(MAX_BODY)}`), "spent");
    assertEquals(state(`${chunked}0\r\n${"X: y\r\n".repeat(MAX_BODY / 6 + 1)}`), "spent");
  });

  it("is not trusted with another coding, or with both a coding and a length", () => {
    assertEquals(state(`${head("Transfer-Encoding: gzip, chunked")}0\r\n\r\n`), "spent");
    assertEquals(state(`${head("Transfer-Encoding: identity")}`), "spent");
    assertEquals(state(`${head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")}0\r\n\r\n`), "spent");
    assertEquals(state(`${head("Transfer-Encoding: chunked", "Content-Length: 5")}0\r\n\r\n`), "spent");
    assertEquals(state(`${head("Transfer-Encoding:")}`), "spent");
    assertEquals(
      state("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      "spent",
    );
  });
});

describe("a reader of responses", () => {
  it("knows nothing of the response before", () => {
    const reader = new ResponseReader();
    const interim = "HTTP/1.1 100 Go on\r\n\r\n".repeat(MAX_INTERIM) + KEPT;
    const long = KEPT.replace("\r\n", `\r\nX: ${"y".repeat(MAX_HEAD / 2)}\r\n`);
    const old = "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n";
    const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    const kept = [
      KEPT,
      interim,
      interim,
      long,
      long,
      `${old}Connection: keep-alive\r\n\r\n`,
      `${old}\r\n`,
      chunked,
      KEPT,
    ];
    const responses = [...kept, "HTTP/1.1 204 x\r\n\r\n", "HTTP/1.1 500 x\r\n\r\n", KEPT];
    for (const response of responses) {
      for (const cut of [0, 3, response.length - 1]) {
        reader.reset(true);
        assertEquals(outcome(reader), { state: "start" });
        reader.read(encode(response.slice(0, cut)));
        reader.read(encode(response.slice(cut)));
        assertEquals(outcome(reader), feed([response], true));
      }
    }
  });

  it("comes to the same for random octets, however they are cut up", () => {
    const random = seeded(9112);
    const words = [
      "HTTP/1.1 200 OK",
      "HTTP/1.1 100 x",
      "\r\n",
      "\n",
      "\r",
      "\r\n\r\n",
      OK,
      "Content-Length: ",
      "7",
      "\0",
    ];
    const more = [
      "Transfer-Encoding: chunked\r\n",
      "5\r\n",
      "hello",
      "0\r\n",
      ":",
      " ",
      "Connection: close\r\n",
      "_",
      "\xff",
    ];
    const all = [...words, ...more, "HTTP/1.1 200 OK\r\n", "HTTP/1.1 204 x\r\nAuth-Status: no\r\n"];
    for (let round = 0; round < 250; round++) {
      let response = random(3) === 0 ? "" : "HTTP/1.1 200 OK\r\n";
      for (let count = random(14); count > 0; count--) response += all[random(all.length)] ?? "";
      read(response, random(2) === 0);
    }
  });
});

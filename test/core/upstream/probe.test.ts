import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ImapProbe } from "../../../src/protocol/imap/probe.ts";
import { Pop3Probe } from "../../../src/protocol/pop3/probe.ts";
import { SmtpProbe } from "../../../src/protocol/smtp/probe.ts";
import { encode } from "../../../src/session/bytes.ts";
import { Probe, type ProbeEffect, type ProbeInput, type ProbeOptions } from "../../../src/upstream/health/probe.ts";
import { probeDialogue } from "../../support/probe_dialogue.ts";

const PLAIN = { startsTls: false, serverName: "mx.example.com" };
const START_TLS = { ...PLAIN, startsTls: true };

function probe(script: ProbeOptions["script"], options: Partial<ProbeOptions> = {}): Probe {
  return new Probe({ script, timeout: 5000, longestReply: 512, isImplicitTls: false, ...options }, 0);
}

const imap = (options = PLAIN) => probe(new ImapProbe(options));
const pop3 = (options = PLAIN) => probe(new Pop3Probe(options));
const smtp = (options = PLAIN) => probe(new SmtpProbe(options));

describe("a health check over IMAP", () => {
  it("asks for capabilities and logs out", () => {
    probeDialogue(
      imap,
      `
      connected
      U: * OK [CAPABILITY IMAP4rev1] ready
      P: h CAPABILITY
      U: * CAPABILITY IMAP4rev1 AUTH=PLAIN
      U: h OK done
      healthy
      P: h LOGOUT
      U: * BYE see you
      U: h OK done
      close
    `,
    );
  });

  it("begins TLS first", () => {
    probeDialogue(
      () => imap(START_TLS),
      `
      connected
      U: * OK ready
      P: h STARTTLS
      U: h OK begin
      secure
      secured
      P: h CAPABILITY
      U: h OK done
      healthy
      P: h LOGOUT
      U ended
      close
    `,
    );
  });

  it("takes a greeting of BYE or PREAUTH, or none of IMAP's, for what it is", () => {
    probeDialogue(
      imap,
      `
      connected
      U: * BYE [UNAVAILABLE] too many connections
      unhealthy greeting "* BYE [UNAVAILABLE] too many connections"
      close
    `,
    );
    for (const line of ["* PREAUTH hello", "220 mx ESMTP", "* OKAY", "+OK ready"]) {
      probeDialogue(
        imap,
        `
        connected
        U: ${line}
        P: h LOGOUT
        unhealthy greeting "${line}"
        close
      `,
      );
    }
  });

  it("does not take a refusal for an answer", () => {
    probeDialogue(
      imap,
      `
      connected
      U: * OK ready
      P: h CAPABILITY
      U: h NO [SERVERBUG] internal error
      P: h LOGOUT
      unhealthy answer to CAPABILITY "h NO [SERVERBUG] internal error"
      close
    `,
    );
    probeDialogue(
      imap,
      `
      connected
      U: * OK ready
      P: h CAPABILITY
      U: * CAPABILITY IMAP4rev1
      U: * bye going down
      unhealthy answer to CAPABILITY "* bye going down"
      close
    `,
    );
    probeDialogue(
      () => imap(START_TLS),
      `
      connected
      U: * OK ready
      P: h STARTTLS
      U: h BAD unknown
      P: h LOGOUT
      unhealthy answer to STARTTLS "h BAD unknown"
      close
    `,
    );
  });
});

describe("a health check over POP3", () => {
  it("asks for capabilities and quits", () => {
    probeDialogue(
      pop3,
      `
      connected
      U: +OK ready <1.2@x>
      P: CAPA
      U: +OK
      U: USER
      U: .
      healthy
      P: QUIT
      U: +OK bye
      close
    `,
    );
  });

  it("does without CAPA", () => {
    probeDialogue(
      pop3,
      `
      connected
      U: +OK ready
      P: CAPA
      U: -ERR unknown command
      healthy
      P: QUIT
      U: +OK bye
      close
    `,
    );
  });

  it("begins TLS first", () => {
    probeDialogue(
      () => pop3(START_TLS),
      `
      connected
      U: +OK ready
      P: STLS
      U: +OK begin
      secure
      secured
      P: CAPA
      U: +OK
      U: .
      healthy
      P: QUIT
      U ended
      close
    `,
    );
  });

  it("does not take a refusal for an answer", () => {
    probeDialogue(
      pop3,
      `
      connected
      U: -ERR [SYS/TEMP] no disk
      P: QUIT
      unhealthy greeting "-ERR [SYS/TEMP] no disk"
      close
    `,
    );
    probeDialogue(
      pop3,
      `
      connected
      U: +OK ready
      P: CAPA
      U: -ERR [SYS/TEMP] no disk
      P: QUIT
      unhealthy answer to CAPA "-ERR [SYS/TEMP] no disk"
      close
    `,
    );
    probeDialogue(
      () => pop3(START_TLS),
      `
      connected
      U: +OK ready
      P: STLS
      U: -ERR no
      P: QUIT
      unhealthy answer to STLS "-ERR no"
      close
    `,
    );
  });
});

describe("a health check over SMTP", () => {
  it("says EHLO and quits", () => {
    probeDialogue(
      smtp,
      `
      connected
      U: 220-wait
      U: 220 mx ESMTP
      P: EHLO mx.example.com
      U: 250-mx
      U: 250 SIZE 100
      healthy
      P: QUIT
      U: 221 bye
      close
    `,
    );
  });

  it("asks a server that is too old for EHLO for less", () => {
    probeDialogue(
      smtp,
      `
      connected
      U: 220 mx
      P: EHLO mx.example.com
      U: 500 what
      P: HELO mx.example.com
      U: 250 mx
      healthy
      P: QUIT
      U: 221 bye
      close
    `,
    );
  });

  it("begins TLS where that is offered, and greets again", () => {
    probeDialogue(
      () => smtp(START_TLS),
      `
      connected
      U: 220 mx
      P: EHLO mx.example.com
      U: 250-mx
      U: 250-starttls
      U: 250 SIZE
      P: STARTTLS
      U: 220 go
      secure
      secured
      P: EHLO mx.example.com
      U: 250 mx
      healthy
      P: QUIT
      U: 221 bye
      close
    `,
    );
    probeDialogue(
      () => smtp(START_TLS),
      `
      connected
      U: 220 mx
      P: EHLO mx.example.com
      U: 250 mx
      P: QUIT
      unhealthy the server does not offer STARTTLS
      close
    `,
    );
  });

  it("does not take a refusal for an answer, and quits unless the server has left", () => {
    probeDialogue(
      smtp,
      `
      connected
      U: 421 4.3.2 too busy
      unhealthy greeting "421 4.3.2 too busy"
      close
    `,
    );
    probeDialogue(
      smtp,
      `
      connected
      U: 554 no service
      P: QUIT
      unhealthy greeting "554 no service"
      close
    `,
    );
    probeDialogue(
      smtp,
      `
      connected
      U: 220 mx
      P: EHLO mx.example.com
      U: 450 not now
      P: QUIT
      unhealthy answer to EHLO "450 not now"
      close
    `,
    );
    probeDialogue(
      smtp,
      `
      connected
      U: * OK ready
      P: QUIT
      unhealthy greeting "* OK ready"
      close
    `,
    );
  });
});

describe("a health check", () => {
  it("names what it waited for", () => {
    probeDialogue(
      imap,
      `
      after 5000
      unhealthy no connection within 5s
      close
    `,
    );
    probeDialogue(
      () => probe(new ImapProbe(PLAIN), { timeout: 1500, isImplicitTls: true }),
      `
      after 1500
      unhealthy no TLS within 1500ms
      close
    `,
    );
    probeDialogue(
      imap,
      `
      connected
      after 4999
      after 1
      unhealthy no greeting within 5s
      close
    `,
    );
    probeDialogue(
      () => smtp(START_TLS),
      `
      connected
      U: 220 mx
      P: EHLO mx.example.com
      U: 250 STARTTLS
      P: STARTTLS
      U: 220 go
      secure
      after 5000
      unhealthy no TLS within 5s
      close
    `,
    );
    probeDialogue(
      pop3,
      `
      connected
      U: +OK ready
      P: CAPA
      U: +OK
      after 5000
      unhealthy no answer to CAPA within 5s
      close
    `,
    );
    probeDialogue(
      pop3,
      `
      connected
      U: +OK rea\\
      U ended
      unhealthy no greeting: the server closed the connection
      close
    `,
    );
    probeDialogue(
      imap,
      `
      failed connect() failed (111: Connection refused)
      unhealthy connect() failed (111: Connection refused)
      close
    `,
    );
    probeDialogue(
      () => pop3(START_TLS),
      `
      connected
      U: +OK
      P: STLS
      U: +OK
      secure
      not secured certificate has expired
      unhealthy SSL_do_handshake() failed (SSL: certificate has expired)
      close
    `,
    );
  });

  it("does not wait for a farewell for longer than it may take in all", () => {
    probeDialogue(
      smtp,
      `
      connected
      U: 220 mx
      P: EHLO mx.example.com
      U: 250 mx
      healthy
      P: QUIT
      after 5000
      close
    `,
    );
  });

  it("bounds every reply", () => {
    const greetings = {
      "a line that never ends": "x".repeat(512),
      "lines that never end": "220-x\r\n".repeat(74),
    };
    for (const [name, greeting] of Object.entries(greetings)) {
      assertEquals(verdictOf(smtp(), [greeting.slice(0, 511)]), undefined, name);
      const reason = verdictOf(smtp(), [greeting.slice(0, 511), greeting.slice(511)]) ?? "";
      assert(reason.startsWith(`greeting longer than 512 octets: "`), reason);
      assert(reason.length < 200, reason);
    }
    // Nor is there room for more once the verdict is known.
    const leaving = smtp();
    verdictOf(leaving, ["220 mx\r\n", "250 mx\r\n"]);
    assertEquals(types(leaving.receive(said("221-x\r\n".repeat(74)))), ["close"]);
  });

  it("does not begin TLS where something follows the consent", () => {
    assertEquals(
      verdictOf(imap(START_TLS), ["* OK\r\n", "h OK begin\r\n* CAPABILITY IMAP4rev1\r\n"]),
      "data before the TLS handshake",
    );
  });

  it("shows the beginning of a long reply", () => {
    assertEquals(verdictOf(pop3(), [`-ERR ${"x".repeat(300)}\r\n`]), `greeting "-ERR ${"x".repeat(123)}..."`);
  });

  it("comes to one verdict and one end, whatever happens", () => {
    for (const start of [imap, pop3, smtp]) {
      for (const options of [PLAIN, START_TLS]) {
        for (let seed = 1; seed <= 400; seed++) playAtRandom(start(options), seed);
      }
    }
  });
});

/** Tells it one thing after another, at random, until it is over. */
function playAtRandom(probe: Probe, seed: number): void {
  let state = seed;
  const effects: ProbeEffect[] = [];
  for (let i = 0; i < 60; i++) {
    state = (state * 1103515245 + 12345) % 2147483648;
    const event = EVENTS[Math.floor(state / 65536) % EVENTS.length];
    if (event !== undefined) effects.push(...probe.receive(event));
  }
  effects.push(...probe.receive({ type: "timedOut" }), ...probe.receive({ type: "ended" }));
  const order = types(effects);
  assertEquals(order.filter((type) => type === "verdict").length, 1, `seed ${seed}`);
  assertEquals(order.filter((type) => type === "close").length, 1, `seed ${seed}`);
  assertEquals(order.at(-1), "close");
  assertEquals(probe.deadline, undefined);
}

const EVENTS: readonly ProbeInput[] = [
  { type: "connected" },
  { type: "secured" },
  ...[
    "* OK\r\n",
    "h OK\r\n",
    "+OK\r\n",
    ".\r\n",
    "220 x\r\n",
    "250-STARTTLS\r\n",
    "250 x\r\n",
    "221 x\r\n",
    "\r\n",
    "\0",
    "",
  ]
    .map(said),
  { type: "connected" },
  { type: "secured" },
  ...["* OK\r\n", "+OK\r\n", "220 x\r\n", "h OK\r\n", "\n", "\xff\xfe\r\r\n"].map(said),
  { type: "ended" },
];

function said(text: string): ProbeInput {
  return { type: "bytes", bytes: encode(text) };
}

function types(effects: readonly ProbeEffect[]): readonly string[] {
  return effects.map(({ type }) => type);
}

/** Why it is unhealthy after it was told these; `undefined` where it is not. */
function verdictOf(probe: Probe, texts: readonly string[]): string | undefined {
  const effects = [...probe.receive({ type: "connected" }), ...texts.flatMap((text) => probe.receive(said(text)))];
  const verdicts = effects.flatMap((effect) => effect.type === "verdict" ? [effect.verdict] : []);
  const [verdict] = verdicts;
  return verdict === undefined || verdict.isHealthy ? undefined : verdict.reason;
}

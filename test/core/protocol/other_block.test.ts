import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { decode, encode } from "../../../src/session/bytes.ts";
import type { Effect, Input, Progress, Session } from "../../../src/session/mod.ts";
import { imapSession, pop3Session, smtpSession } from "../../support/sessions.ts";
import { TLS } from "../../support/transcript.ts";

const SECURED: Input = { type: "secured", side: "client", facts: TLS };

function says(text: string): Input {
  return { type: "bytes", side: "client", bytes: encode(text) };
}

/** What a session says and does in answer to some inputs; writes are told by their octets. */
function hear(session: Session, ...inputs: readonly Input[]): readonly (string | Effect["type"])[] {
  const effects = inputs.flatMap((input) => session.receive(input, NOW));
  return effects.map((effect) => effect.type === "write" ? decode(effect.bytes) : effect.type);
}

/** A session in clear that has come as far as these commands, up to its consent to TLS. */
function progressOf(session: Session, ...commands: readonly string[]): Progress {
  hear(session, { type: "opened" }, ...commands.map(says));
  return session.progress;
}

const NOW = 1_000_000;

describe("a client that asks for the name of another server block behind STARTTLS", () => {
  it("goes on there without a greeting, with the settings of that block", () => {
    const imap = progressOf(imapSession({ startTls: "on" }), "a STARTTLS\r\n");
    const capability = { clear: "* CAPABILITY CLEAR\r\n", secure: "* CAPABILITY SECURE\r\n" };
    assertEquals(hear(imapSession({ capability }, { before: imap }), SECURED, says("b CAPABILITY\r\n")), [
      "* CAPABILITY SECURE\r\nb OK completed\r\n",
    ]);
    const pop3 = progressOf(pop3Session({ startTls: "on" }), "STLS\r\n");
    const capa = { clear: "+OK\r\n.\r\n", secure: "+OK\r\nX\r\n.\r\n" };
    assertEquals(hear(pop3Session({ capa }, { before: pop3 }), SECURED, says("CAPA\r\n")), [capa.secure]);
    const smtp = progressOf(smtpSession({ startTls: "on" }), "EHLO one\r\n", "STARTTLS\r\n");
    const there = smtpSession({ serverName: "other.example.com" }, { before: smtp });
    assertEquals(hear(there, SECURED, says("HELO two\r\n")), ["250 other.example.com\r\n"]);
  });

  it("has no more time, errors or commands than it had left, and its attempts count on", () => {
    const options = { startTls: "on", maxErrors: 2, maxCommands: 3 } as const;
    const before = progressOf(imapSession(options), "bogus\r\n", "a STARTTLS\r\n");
    assertEquals(before.deadline, NOW + 60_000);
    const there = imapSession(options, { before });
    assertEquals(hear(there, SECURED), []);
    assertEquals(there.deadline, NOW + 60_000);
    assertEquals(hear(there, says("bogus\r\n")), ["log", "* BAD invalid command\r\n", "close"]);

    const busy = imapSession(options, { before });
    const commands = ["b NOOP\r\n", "c NOOP\r\n", "d NOOP\r\n"].map(says);
    assertEquals(hear(busy, SECURED, ...commands), [
      "b OK completed\r\n",
      "c OK completed\r\n",
      "log",
      "d BAD invalid command\r\n",
      "close",
    ]);

    const again = imapSession(options, { before: { ...before, attempts: 4 } });
    hear(again, SECURED);
    const [effect] = again.receive(says("e LOGIN joe s3cret\r\n"), NOW);
    assertEquals(effect?.type === "authenticate" && effect.credentials.attempt, 5);
  });

  it("is turned away where that block denies it, or wants a certificate", () => {
    const before = progressOf(imapSession({ startTls: "on" }), "a STARTTLS\r\n");
    assertEquals(hear(imapSession({}, { before, isForbidden: true }), SECURED).at(-1), "close");
    assertEquals(hear(imapSession({ verifyClient: "on" }, { before }), SECURED), [
      "log",
      "* BYE No required SSL certificate\r\n",
      "close",
    ]);
  });

  it("has its name looked up where only that block wants it, and is not greeted for it", () => {
    const before = progressOf(smtpSession({ startTls: "on" }), "EHLO one\r\n", "STARTTLS\r\n");
    const there = smtpSession({ resolvesClient: true, allowsAnonymous: true, greetingDelay: 1000 }, { before });
    assertEquals(hear(there, SECURED), ["resolve"]);
    assertEquals(hear(there, says("HELO two\r\n"), { type: "resolved", host: "one.example.org" }), [
      "250 mail.example.com\r\n",
    ]);
    const [, effect] = there.receive(says("MAIL FROM:<>\r\nRCPT TO:<joe>\r\n"), NOW);
    assertEquals(effect?.type === "authenticate" && effect.credentials.clientHost, "one.example.org");

    const known = smtpSession({ resolvesClient: true }, { before: { ...before, clientHost: "one.example.org" } });
    assertEquals(hear(known, SECURED), []);
  });

  it("may answer to the timestamp that it was greeted with, and to no other", () => {
    const apop = { startTls: "on", mechanisms: ["apop"] } as const;
    const digest = says("APOP joe 0123456789abcdef0123456789abcdef\r\n");
    const seen = progressOf(pop3Session(apop), "STLS\r\n");
    const there = pop3Session({ ...apop, createSalt: () => "<another>" }, { before: seen });
    hear(there, SECURED);
    const [effect] = there.receive(digest, NOW);
    assertEquals(effect?.type === "authenticate" && effect.credentials.salt, seen.salt);

    const unseen = progressOf(pop3Session({ startTls: "on" }), "STLS\r\n");
    const invalid = ["-ERR invalid command\r\n"];
    assertEquals(hear(pop3Session(apop, { before: unseen }), SECURED, digest), invalid);
    assertEquals(hear(pop3Session({ ...apop, isPassThrough: true }, { before: seen }), SECURED, digest), invalid);
  });
});

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ImapWatch } from "../../../src/protocol/imap/between_replies.ts";
import { Pop3Watch } from "../../../src/protocol/pop3/between_replies.ts";
import { SmtpWatch } from "../../../src/protocol/smtp/between_replies.ts";
import type { RelayWatch } from "../../../src/runtime.ts";
import { encode } from "../../../src/session/bytes.ts";
import { LONGEST_DIALOGUE } from "../../../src/session/last_line.ts";

/** `C: ` is said by the client, all else by the server: `yes` and `no` say whether a line of ours may stand behind it. */
type Row = readonly [said: string, isFit?: "yes" | "no"];

function check(create: () => RelayWatch, rows: readonly Row[]): void {
  for (const size of [Infinity, 1, 2, 3, 7]) {
    const watch = create();
    for (const [said, isFit] of rows) {
      const isClient = said.startsWith("C: ");
      const bytes = encode(isClient ? said.slice(3) : said);
      for (let at = 0; at < bytes.length; at += size) {
        const chunk = bytes.slice(at, at + size);
        if (isClient) watch.client(chunk);
        else watch.upstream(chunk);
        chunk.fill(0x2e);
      }
      if (isFit !== undefined) assertEquals([size, said, watch.isBetweenReplies ? "yes" : "no"], [size, said, isFit]);
    }
  }
}

describe("a BYE may stand", () => {
  it("behind a whole line, and never within one", () => {
    check(() => new ImapWatch(), [
      ["a OK logged in\r\n", "yes"],
      ["* 3 EXISTS", "no"],
      ["\r", "no"],
      ["\n", "yes"],
      ["+ idling\r\n", "yes"],
    ]);
  });

  it("never within a literal, whatever is in it", () => {
    check(() => new ImapWatch(), [
      ["a OK\r\n", "yes"],
      ["* 1 FETCH (BODY[] {14}\r\n", "no"],
      ["one\r\ntwo\r\n", "no"],
      ["\r\n", "no"],
      ["ab", "no"],
      [")\r\n", "yes"],
      ["* 2 FETCH (BODY[1] {0}\r\n", "yes"],
      [" BODY[2] {3}\r\n", "no"],
      ["a\r\n", "no"],
      [" X ~{2}\r\n", "no"],
      ["{}", "no"],
      [" FLAGS ())\r\n", "yes"],
    ]);
  });

  it("behind what only looks like a literal", () => {
    for (const text of ["{}", "{a}", "5}", "{5} ", "{5", "{-1}", "}"]) {
      check(() => new ImapWatch(), [[`* OK ${text}\r\n`, "yes"]]);
    }
  });

  it("nowhere in a literal of gigabytes", () => {
    check(() => new ImapWatch(), [["* 1 FETCH (BODY[] {4294967296}\n", "no"], ["x\r\n", "no"]]);
  });

  it("nowhere in bulk that is no literal, until the command is answered that asked for it", () => {
    const lists = "* 1 FETCH (FLAGS ())\r\n".repeat(400);
    const watch = new ImapWatch();
    watch.client(encode("a1 FETCH 1:400 FLAGS\r\n"));
    for (const said of [lists, "* 2 EXISTS\r\n", "a1 OKAY\r\n", "a OK\r\n", "a1 OK don", "e\r\n", "a10 OK x\r\n"]) {
      watch.upstream(encode(said));
      assertEquals([said, watch.isBetweenReplies], [said, false]);
    }
    watch.upstream(encode(`${lists}a1 OK done\r\n`));
    assertEquals(watch.isBetweenReplies, true);
    for (const status of ["OK", "NO", "BAD"]) {
      watch.client(encode("a2 NOOP\r\nb-3 FETCH 1:400 FLAGS\r\n"));
      watch.upstream(encode(lists));
      assertEquals(watch.isBetweenReplies, false);
      watch.upstream(encode(`a2 OK\r\nb-3 ${status} done\r\n`));
      assertEquals(watch.isBetweenReplies, true);
    }
  });

  it("behind a letter of many chunks, which is one literal", () => {
    const watch = new ImapWatch();
    watch.upstream(encode("* 1 FETCH (BODY[] {100000}\r\n"));
    for (let sent = 0; sent < 100_000; sent += 10_000) {
      watch.upstream(encode("ab OK\r\n\r\n".repeat(1112).slice(0, 10_000)));
      assertEquals(watch.isBetweenReplies, false);
    }
    watch.upstream(encode(")\r\nb OK\r\n"));
    assertEquals(watch.isBetweenReplies, true);
  });

  it("behind a letter that nobody saw all of, if it is one literal", () => {
    const watch: RelayWatch = new ImapWatch();
    watch.upstream(encode("* 1 FETCH (BODY[] {300000}\r\n"));
    watch.upstream(encode("ab OK\r\n\r\n".repeat(11_111)));
    watch.upstreamUnseen(198_000);
    assertEquals(watch.isBetweenReplies, false);
    watch.upstream(encode(`${"\r\n".repeat(499)}b OK\r\n`));
    assertEquals(watch.isBetweenReplies, false, "within the literal");
    watch.upstream(encode(`${"x".repeat(994)}\r\nx)\r\n`));
    assertEquals(watch.isBetweenReplies, true);
  });

  it("nowhere in what nobody saw of other bulk, until the command is answered that asked for it", () => {
    for (const announced of ["* LIST () / a\r\n", "* 1 FETCH (BODY[] {99999}\r\n"]) {
      const watch: RelayWatch = new ImapWatch();
      watch.client(encode("a FETCH 1:* ALL\r\n"));
      watch.upstream(encode(announced));
      watch.upstreamUnseen(100_000);
      for (const said of ["* 2 EXISTS\r\n".repeat(100), "b OK done\r\n"]) {
        watch.upstream(encode(said));
        assertEquals([said, watch.isBetweenReplies], [said, false]);
      }
      watch.upstream(encode(`${"* 2 EXISTS\r\n".repeat(100)}a OK done\r\n`));
      assertEquals(watch.isBetweenReplies, true);
    }
  });

  it("where it may stand otherwise, whatever the client has sent unseen", () => {
    const watch: RelayWatch = new ImapWatch();
    watch.client(encode("a APPEND x {300000}\r\n"));
    watch.upstream(encode("+ go on\r\n"));
    watch.clientUnseen(298_900);
    watch.client(encode("x".repeat(1100)));
    watch.upstream(encode("a OK"));
    assertEquals(watch.isBetweenReplies, false);
    watch.upstream(encode("\r\n"));
    assertEquals(watch.isBetweenReplies, true);
  });

  it("nowhere once a tag was longer than tags are, or none at all", () => {
    for (const command of ["x".repeat(33) + " NOOP\r\n", "DONE\r\n", `a NOOP ${"x".repeat(300)}\r\n`]) {
      const watch = new ImapWatch();
      watch.client(encode(command));
      watch.upstream(encode("* 1 EXISTS\r\n".repeat(400)));
      watch.upstream(encode(`${command.split(" ")[0]} OK done\r\n`));
      assertEquals(watch.isBetweenReplies, false);
    }
    const watch = new ImapWatch();
    watch.client(encode(`${"x".repeat(31)} NOOP\r\n`));
    watch.upstream(encode("* 1 EXISTS\r\n".repeat(400)));
    watch.upstream(encode(`${"x".repeat(31)} OK done\r\n`));
    assertEquals(watch.isBetweenReplies, true);
  });

  it("nowhere once compression was asked for", () => {
    const watch = new ImapWatch();
    watch.client(encode("a NOOP\r\n"));
    assertEquals(watch.isBetweenReplies, true);
    watch.client(encode("b Compress DEFLATE\r\n"));
    watch.upstream(encode("b OK\r\n"));
    assertEquals(watch.isBetweenReplies, false);
  });

  it("nowhere once compression was asked for behind much else in one piece", () => {
    const watch = new ImapWatch();
    const searches = "a SEARCH ALL\r\n".repeat(100);
    watch.client(encode(`${searches}b LIST "" compress\r\n`));
    watch.upstream(encode("b OK\r\n"));
    assertEquals(watch.isBetweenReplies, true);
    watch.client(encode(`${searches}b COMPRESS DEFLATE\r\n`));
    watch.upstream(encode("b OK\r\n"));
    assertEquals(watch.isBetweenReplies, false);
  });
});

describe("a -ERR may stand", () => {
  it("behind a reply of one line", () => {
    check(() => new Pop3Watch(), [
      ["+OK mailbox open\r\n", "yes"],
      ["C: STAT\r\n"],
      ["+OK 1", "no"],
      [" 100\r\n", "yes"],
      ["C: noop\r\nDELE 1\r\n"],
      ["+OK\r\n", "yes"],
      ["-ERR no such message\r\n", "yes"],
    ]);
  });

  it("never within a letter or a list", () => {
    check(() => new Pop3Watch(), [
      ["+OK mailbox open\r\n", "yes"],
      ["C: RETR 1\r\n"],
      ["+OK 100 octets\r\n", "no"],
      ["Subject: x\r\n\r\n+OK\r\n", "no"],
      ["..\r\n", "no"],
      ["a.\r\n", "no"],
      [".", "no"],
      ["\r\n", "yes"],
      ["C: LIST\r\n"],
      ["+OK\r\n", "no"],
      ["1 100\r\n.\r\n", "yes"],
      ["C: LIST 1\r\n"],
      ["+OK 1 100\r\n", "yes"],
      ["C: uidl\r\n"],
      ["+OK\n", "no"],
      [".\n", "yes"],
      ["C: TOP 1 0\r\n"],
      ["-ERR no\r\n", "yes"],
    ]);
  });

  it("behind the last of several that were asked for at once", () => {
    check(() => new Pop3Watch(), [
      ["+OK mailbox open\r\n", "yes"],
      ["C: RETR 1\r\nNOOP\r\nRETR 2\r\nQUIT\r\n"],
      ["+OK\r\nhello\r\n.\r\n+OK\r\n+OK\r\nworld\r\n", "no"],
      [".\r\n", "yes"],
      ["+OK bye\r\n", "yes"],
    ]);
  });

  it("behind a letter in bulk, wherever its chunks are cut", () => {
    const letter = `+OK\r\n${"Lorem ipsum\r\n".repeat(1000)}${"x".repeat(9000)}\r\n..\r\n.\r\n`;
    for (
      const cut of [3, 5, 6, 5000, 20_000, letter.length - 6, letter.length - 4, letter.length - 3, letter.length - 1]
    ) {
      const watch = new Pop3Watch();
      watch.upstream(encode("+OK\r\n"));
      watch.client(encode("RETR 1\r\n"));
      watch.upstream(encode(letter.slice(0, cut)));
      assertEquals([cut, watch.isBetweenReplies], [cut, false]);
      watch.upstream(encode(letter.slice(cut)));
      assertEquals([cut, watch.isBetweenReplies], [cut, true]);
    }
  });

  it("behind a letter that nobody saw all of", () => {
    const rest = `${"x\r\n".repeat(400)}.\r\n`;
    const watch: RelayWatch = new Pop3Watch();
    watch.upstream(encode("+OK\r\n"));
    watch.client(encode("RETR 1\r\n"));
    watch.upstream(encode("+OK\r\n.."));
    watch.upstreamUnseen(100_000);
    assertEquals(watch.isBetweenReplies, false);
    watch.upstream(encode(rest.slice(0, -2)));
    watch.upstreamUnseen(100_000);
    watch.upstream(encode(rest.slice(0, -1)));
    assertEquals(watch.isBetweenReplies, false);
    watch.upstream(encode("\n"));
    assertEquals(watch.isBetweenReplies, true);
  });

  it("nowhere behind what went by unseen and was no letter, or one of several", () => {
    for (const commands of ["STAT\r\n", "RETR 1\r\nRETR 2\r\n"]) {
      const watch: RelayWatch = new Pop3Watch();
      watch.upstream(encode("+OK\r\n"));
      watch.client(encode(commands));
      watch.upstream(encode("+OK\r\n"));
      watch.upstreamUnseen(100_000);
      watch.upstream(encode(`${"x\r\n".repeat(400)}.\r\n`));
      assertEquals([commands, watch.isBetweenReplies], [commands, false]);
    }
    const watch: RelayWatch = new Pop3Watch();
    watch.upstream(encode("+OK\r\n"));
    watch.clientUnseen(100_000);
    assertEquals(watch.isBetweenReplies, false);
  });

  it("nowhere behind several letters in bulk, which nobody counts", () => {
    const watch = new Pop3Watch();
    watch.upstream(encode("+OK\r\n"));
    watch.client(encode("RETR 1\r\nRETR 2\r\n"));
    watch.upstream(encode(`+OK\r\n${"x\r\n".repeat(2000)}.\r\n`));
    watch.upstream(encode("+OK\r\n.\r\n"));
    assertEquals(watch.isBetweenReplies, false);
  });

  it("nowhere behind more commands in one piece than are read", () => {
    const watch = new Pop3Watch();
    watch.upstream(encode("+OK\r\n"));
    watch.client(encode("x".repeat(32 * 1024)));
    assertEquals(watch.isBetweenReplies, true);
    watch.client(encode("x".repeat(32 * 1024 + 1)));
    assertEquals(watch.isBetweenReplies, false);
  });

  it("nowhere behind a command that nobody knows", () => {
    check(() => new Pop3Watch(), [["+OK\r\n", "yes"], ["C: XTND\r\n"], ["+OK\r\n", "no"]]);
  });

  it("nowhere once more commands were sent ahead than anybody sends", () => {
    const watch = new Pop3Watch();
    watch.upstream(encode("+OK\r\n"));
    watch.client(encode("NOOP\r\n".repeat(4096)));
    assertEquals(watch.isBetweenReplies, true);
    watch.client(encode("NOOP\r\n"));
    assertEquals(watch.isBetweenReplies, false);
  });
});

describe("a 421 may stand", () => {
  it("behind the last line of a reply", () => {
    check(() => new SmtpWatch(), [
      ["235 2.0.0 OK\r\n", "yes"],
      ["250-mx.example.com\r\n", "no"],
      ["250-SIZE 100\r\n", "no"],
      ["250 OK", "no"],
      ["\r\n", "yes"],
      ["25", "no"],
      ["0\r\n", "yes"],
      ["354 go on - and on\r\n", "yes"],
    ]);
  });

  it("behind the last line of bulk, if that is a reply's", () => {
    const watch = new SmtpWatch();
    watch.upstream(encode("250-x\r\n".repeat(1000)));
    assertEquals(watch.isBetweenReplies, false);
    watch.upstream(encode(`${"250-x\r\n".repeat(1000)}250 x\r\n`));
    assertEquals(watch.isBetweenReplies, true);
    watch.upstream(encode(`${"x".repeat(5000)}\r\n`));
    assertEquals(watch.isBetweenReplies, false);
  });

  it("behind a whole line that follows what nobody saw", () => {
    const watch: RelayWatch = new SmtpWatch();
    watch.upstream(encode("235 OK\r\n"));
    watch.clientUnseen(100_000);
    assertEquals(watch.isBetweenReplies, true);
    watch.upstream(encode("250-"));
    watch.upstreamUnseen(100_000);
    assertEquals(watch.isBetweenReplies, false);
    watch.upstream(encode("x".repeat(1024)));
    assertEquals(watch.isBetweenReplies, false);
    watch.upstream(encode("\r\n"));
    assertEquals(watch.isBetweenReplies, false);
    watch.upstream(encode("250 x\r\n"));
    assertEquals(watch.isBetweenReplies, true);
  });
});

describe("a client is leaving", () => {
  const yes = true;
  const no = false;

  /** What a client sends, each in one piece, and whether it is leaving behind that. */
  function checkLeaving(
    create: () => RelayWatch,
    rows: readonly (readonly [said: string, isLeaving: boolean])[],
  ): void {
    const watch = create();
    assertEquals(watch.isClientLeaving, false);
    for (const [said, isLeaving] of rows) {
      const bytes = encode(said);
      watch.client(bytes);
      bytes.fill(0x2e);
      assertEquals([said, watch.isClientLeaving], [said, isLeaving]);
      watch.upstream(encode("* BYE\r\n"));
      assertEquals([said, watch.isClientLeaving], [said, isLeaving]);
    }
  }

  it("behind LOGOUT, if that is all of its last line", () => {
    checkLeaving(() => new ImapWatch(), [
      ["a LOGOUT\r\n", yes],
      ["b NOOP\r\n", no],
      ["c logOut\n", yes],
      ["\r\n", no],
      ["d NOOP\r\ne LOGOUT\r\n", yes],
      ["e LOGOUT\r\nf NOOP\r\n", no],
      ["g LOGOUT\r\nh", no],
      ["i LOGOUT", no],
      ["\r\n", no],
      ["j LOGOUT \r\n", no],
      ["k LOGOUTS\r\n", no],
      ["l LOGOU\r\n", no],
      ["m  LOGOUT\r\n", no],
      ["LOGOUT\r\n", no],
      ["n LOGOUT\r\r\n", no],
      [`${"x".repeat(LONGEST_DIALOGUE)}\r\no LOGOUT\r\n`, no],
      ["p LOGOUT\r\n", yes],
      ["q COMPRESS DEFLATE\r\n", no],
      ["r LOGOUT\r\n", no],
    ]);
    checkLeaving(() => new ImapWatch(), [
      ["a APPEND INBOX {1000}\r\n", no],
      ["I say\r\na LOGOUT\r\n", yes],
      ["and more of the letter", no],
    ]);
  });

  it("behind QUIT to a POP3 server, whatever pieces it comes in", () => {
    checkLeaving(() => new Pop3Watch(), [
      ["QUIT\r\n", yes],
      ["NOOP\r\n", no],
      ["STAT\r\nquit\n", yes],
      ["QUIT\r\nN", no],
      ["OOP\r\nQU", no],
      ["IT\r", no],
      ["\n", yes],
      ["QUITS\r\n", no],
      ["QUIT\r\n", no],
    ]);
    for (const command of ["AUTH PLAIN", "XTND X"]) {
      checkLeaving(() => new Pop3Watch(), [[`${command}\r\nQUIT\r\n`, no]]);
    }
  });

  it("until it says more that nobody sees", () => {
    const rows: readonly (readonly [watch: RelayWatch, words: string])[] = [
      [new ImapWatch(), "a LOGOUT"],
      [new Pop3Watch(), "QUIT"],
      [new SmtpWatch(), "QUIT"],
    ];
    for (const [watch, words] of rows) {
      watch.client(encode(`${words}\r\n`));
      assertEquals(watch.isClientLeaving, true);
      watch.clientUnseen(100_000);
      assertEquals(watch.isClientLeaving, false);
    }
  });

  it("behind QUIT to an SMTP server, if that is all of its last line", () => {
    checkLeaving(() => new SmtpWatch(), [
      ["QUIT\r\n", yes],
      ["NOOP\r\n", no],
      ["RSET\r\nQuit\n", yes],
      ["x".repeat(100_000), no],
      [".\r\nQUIT\r\n", yes],
      ["QUIT\r\nNOOP\r\n", no],
      ["QUIT \r\n", no],
      ["QUI\r\n", no],
      ["1QUIT\r\n", no],
      ["QUIT", no],
      ["\r\n", no],
      ["DATA\r\n", no],
      ["I say\r\nQUIT\r\n", yes],
      ["and more of the letter", no],
    ]);
  });
});

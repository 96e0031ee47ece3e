/**
 * One mail server of the soak, a program of its own, so that it can be killed: it says who it is and serves IMAP, POP3
 * and SMTP on the three ports it is given, and the auth server on a fourth if there is one.
 */

import { createServer, type Socket } from "node:net";
import process from "node:process";
import { PATTERN } from "./pattern.ts";

const [imap = 0, pop3 = 0, smtp = 0, auth = 0] = process.argv.slice(2).map(Number);

type Answer = (line: string, socket: Socket) => void;

function serve(port: number, greeting: string, start: () => Answer): void {
  const server = createServer({ noDelay: true }, (socket) => {
    const answer = start();
    let rest = "";
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const lines = (rest + bytes.toString("latin1")).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) answer(line, socket);
    });
    if (greeting !== "") socket.write(greeting);
  });
  server.listen(port, "127.0.0.1");
}

/** The login's two literals, then `DOWN n` and `LOGOUT`. */
function imapSession(): Answer {
  let tag = "";
  let isIn = false;
  return (line, socket) => {
    if (line.endsWith("}")) {
      if (tag === "") [tag = ""] = line.split(" ");
      return void socket.write("+ go on\r\n");
    }
    if (!isIn) {
      isIn = true;
      return void socket.write(`${tag} OK in\r\n`);
    }
    const [next = "", command = "", amount = "0"] = line.split(" ");
    if (command === "DOWN") return void socket.write(PATTERN.subarray(0, Number(amount)));
    if (command === "LOGOUT") return void socket.end(`* BYE\r\n${next} OK\r\n`);
    socket.write(`${next} OK\r\n`);
  };
}

function pop3Session(): Answer {
  return (line, socket) => line === "QUIT" ? void socket.end("+OK bye\r\n") : void socket.write("+OK\r\n");
}

function smtpSession(): Answer {
  return (line, socket) => line === "QUIT" ? void socket.end("221 bye\r\n") : void socket.write("250 done\r\n");
}

/** Lets everybody in whose password is right. */
function authSession(): Answer {
  let protocol = "";
  let password = "";
  return (line, socket) => {
    if (line.startsWith("Auth-Protocol: ")) protocol = line.slice(15);
    else if (line.startsWith("Auth-Pass: ")) password = line.slice(11);
    else if (line === "") {
      const fields = password === "s3cret"
        ? `Auth-Status: OK\r\nAuth-Server: soak_${protocol}\r\n`
        : "Auth-Status: Invalid login or password\r\nAuth-Wait: 1\r\n";
      socket.write(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 0\r\n\r\n`);
    }
  };
}

serve(imap, "* OK ready\r\n", imapSession);
serve(pop3, "+OK ready\r\n", pop3Session);
serve(smtp, "220 ready\r\n", smtpSession);
if (auth !== 0) serve(auth, "", authSession);

import { loadRuntime, parseConfig, serve } from "../../mod.ts";

const config = parseConfig(`
  mail {
    server_name mail.example.com;
    auth_http   127.0.0.1:9000/auth;
    server { listen 127.0.0.1:1143; protocol imap; }
    server { listen 127.0.0.1:1587; protocol smtp; }
  }
`);

const server = await serve(config, await loadRuntime(), {
  sessionEnded: ({ protocol, login, result, duration }) => {
    console.log(protocol, login ?? "nobody", result, `${Math.round(duration)} ms`);
  },
});
for (const { text } of server.listeners) console.log("listening on", text);

// Later: `await server.stop("graceful")` lets the sessions end, `await server.stop("fast")` ends them.

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { inMain, load, problem, warnings } from "../../support/config.ts";

/** Section a.7; line 2 is where the first line is. */
const GOOD: readonly string[] = [
  "user www-data;",
  "user www-data mail;",
  "worker_processes auto;",
  "worker_processes 4;",
  "daemon off; master_process off;",
  "pid /run/nginx.pid;",
  "error_log logs/error.log warn; error_log stderr;",
  "worker_rlimit_nofile 65535; worker_rlimit_core 1g;",
  "worker_shutdown_timeout 10s;",
  "worker_priority -5;",
  "worker_cpu_affinity auto;",
  "worker_cpu_affinity auto 0101;",
  "worker_cpu_affinity 0001 0010 0100 1000;",
  "working_directory /tmp; timer_resolution 100ms; lock_file /run/lock; debug_points abort; pcre_jit on;",
  "env PATH; env A=B; env TZ;",
  "load_module modules/ngx_mail_module.so; load_module /usr/lib/nginx/modules/ngx_stream_module.so;",
  "ssl_engine rdrand; ssl_object_cache_inheritable off; quic_bpf on;",
  "thread_pool default threads=32; thread_pool b threads=1 max_queue=5;",
  "google_perftools_profiles /tmp/p;",
];

const BAD: readonly [lines: string, problem: string][] = [
  ["user;", 'invalid number of arguments in "user" directive in f:2'],
  ["user a b c;", 'invalid number of arguments in "user" directive in f:2'],
  ["user a; user b;", '"user" directive is duplicate in f:2'],
  ["worker_processes Auto;", '"worker_processes" directive invalid value in f:2'],
  ["worker_processes -1;", '"worker_processes" directive invalid value in f:2'],
  ["worker_processes 1;\nworker_processes 1;", '"worker_processes" directive is duplicate in f:3'],
  ["daemon no;", 'invalid value "no" in "daemon" directive, it must be "on" or "off" in f:2'],
  ["pid a; pid b;", '"pid" directive is duplicate in f:2'],
  [
    "worker_rlimit_nofile many;",
    '"worker_rlimit_nofile" directive invalid number in f:2\na number is digits and nothing else',
  ],
  [
    "worker_rlimit_core 1t;",
    '"worker_rlimit_core" directive invalid value in f:2\na size is digits with or without a unit, such as 4096, 4k or 1m',
  ],
  [
    "worker_shutdown_timeout 10x;",
    '"worker_shutdown_timeout" directive invalid value in f:2\na time is digits with or without units, such as 90, 90s or 1h30m',
  ],
  ["worker_priority high;", '"worker_priority" directive invalid number in f:2'],
  ["worker_priority --1;", '"worker_priority" directive invalid number in f:2'],
  ["worker_cpu_affinity 0102;", 'invalid character "2" in "worker_cpu_affinity" in f:2'],
  ["worker_cpu_affinity auto 1 1;", 'invalid number of arguments in "worker_cpu_affinity" directive in f:2'],
  ["debug_points panic;", 'invalid value "panic" in f:2\n"debug_points" takes "stop" or "abort"'],
  ["env;", 'invalid number of arguments in "env" directive in f:2'],
  ["load_module;", 'invalid number of arguments in "load_module" directive in f:2'],
  ["thread_pool a;", 'invalid number of arguments in "thread_pool" directive in f:2'],
];

describe("outside of all blocks", () => {
  for (const line of GOOD) it(line, () => assertEquals(problem(inMain(line)), "ok"));
  for (const [lines, expected] of BAD) {
    it(`refuses ${JSON.stringify(lines)}`, () => assertEquals(problem(inMain(lines)), expected));
  }

  it("has nginx's defaults", () => {
    assertEquals(load("", { prefix: "/usr/local/nginx" }).main, {
      workerProcesses: 1,
      errorLogs: [],
      pid: "/usr/local/nginx/logs/nginx.pid",
      pidPlace: undefined,
      daemon: true,
      masterProcess: true,
      user: undefined,
      workerConnections: 512,
      workerRlimitNofile: undefined,
      workerShutdownTimeout: undefined,
    });
  });

  it("gives what was given", () => {
    const text = `user mail; worker_processes auto; pid run/p; error_log log/e; error_log stderr notice; daemon off;
      master_process off; worker_rlimit_nofile 100; worker_shutdown_timeout 5s; events { worker_connections 64; }`;
    assertEquals(load(text, { prefix: "/srv/" }).main, {
      workerProcesses: "auto",
      errorLogs: [
        { target: { type: "file", path: "/srv/log/e", place: { file: "/srv/f", line: 1 } }, level: "error" },
        { target: { type: "stderr" }, level: "notice" },
      ],
      pid: "/srv/run/p",
      pidPlace: { file: "/srv/f", line: 1 },
      daemon: false,
      masterProcess: false,
      user: { name: "mail", group: "mail", place: { file: "/srv/f", line: 1 } },
      workerConnections: 64,
      workerRlimitNofile: 100,
      workerShutdownTimeout: 5000,
    });
    assertEquals(load("user a b;").main.user, { name: "a", group: "b", place: { file: "f", line: 1 } });
  });

  it("warns of a user that cannot be changed to", () => {
    const text =
      'warn: the "user" directive makes sense only if the master process runs with super-user privileges, ignored in f:2';
    assertEquals(warnings(inMain("user nobody;"), { isRoot: false }), [text]);
    assertEquals(warnings(inMain("user nobody;"), { isRoot: true }), []);
    assertEquals(warnings(inMain("daemon off;"), { isRoot: false }), []);
  });
});

describe("events", () => {
  const rows: readonly [lines: string, problem: string][] = [
    ["use epoll; multi_accept on; accept_mutex off; accept_mutex_delay 100ms; epoll_events 64;", "ok"],
    ["worker_aio_requests 32; debug_connection 192.0.2.0/24; debug_connection unix:;", "ok"],
    ["use kqueue;", "ok"],
    ["use rtsig;", 'invalid event type "rtsig" in f:1'],
    ["use epoll; use epoll;", '"use" directive is duplicate in f:1'],
    ["worker_connections many;", 'invalid number "many" in f:1'],
    ["worker_connections 1; worker_connections 2;", '"worker_connections" directive is duplicate in f:1'],
    ["multi_accept yes;", 'invalid value "yes" in "multi_accept" directive, it must be "on" or "off" in f:1'],
    ["daemon off;", '"daemon" directive is not allowed here in f:1\n"daemon" belongs outside of all blocks'],
    [
      "events {",
      '"events" directive is not allowed here in f:1\n"events" belongs outside of all blocks: is a "}" missing?',
    ],
  ];
  for (const [lines, expected] of rows) it(lines, () => assertEquals(problem(`events { ${lines} }`), expected));
});

// A pool of node-postgres (pg 8.15 or newer) that follows a secret of keepcurrent. A rotation needs no restart.
//   const pool = new SecretPool(readSecret("heroku/shop/DATABASE_URL"), { max: 8 });
import { setTimeout as sleep } from "node:timers/promises";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import pg from "pg";

export function readSecret(id, client = new SecretsManagerClient()) {
  const command = new GetSecretValueCommand({ SecretId: id, VersionStage: "AWSCURRENT" });
  return () => client.send(command, { abortSignal: AbortSignal.timeout(5000) });
}

export class SecretPool extends pg.Pool {
  #read; #reading; #readAt; #unread; #looking; #secret; #refusal; #calling; #model;
  // When the secret may be read again: because no login succeeds, and because the server is full.
  #failing = { due: 0 }; #full = { due: 0 };
  // #url is the newest URL, #error the error of its last login. #proven is the URL that logged in last: it stays in use until a
  // newer one has logged in. #next is which of the two a new connection tries. #trial is when the newest is tried while an
  // older one logs in.
  #url; #error; #proven; #next; #trial;
  // read returns Secrets Manager's answer, or only the secret's text if refused is not set. key names the key of the URL, if
  // the secret holds several. lifetime is after how many ms the secret is read again, wait for how many ms connect tries.
  // refused is called with the secret's ARN and the version id, when the server refuses the credential and a new read shows no
  // other. The first call comes after about a second, more at growing intervals of up to a minute, one at a time, until a
  // version logs in.
  constructor(read, options) {
    const defaults = { lifetime: 60_000, wait: 10_000, connectionTimeoutMillis: 5000 };
    super({ ...defaults, ...options, Client, url: () => this.#next, proven: () => this.#proven, tried: (url, err) => this.#tried(url, err) });
    this.#read = read;
    this.on("error", () => {}); // the server cut an idle session; pg has removed it already
  }
  connect(callback) { // pool.query calls it, too
    const client = this.#connect();
    if (!callback) return client;
    client.then((c) => callback(undefined, c, c.release), (err) => callback(err, undefined, () => {}));
  }
  // settings and isCurrent are for connections that another pool makes. This pool must then do nothing else. settings returns
  // settings that have just logged in, isCurrent says whether a connection still has the last of them.
  async settings() {
    this.#model = await this.connect();
    this.#model.release(true); // the next caller needs a new login
    const { host, port, user, password, database, ssl, options, application_name } = this.#model.connectionParameters;
    return { host, port, user, password, database, ssl, options, application_name };
  }
  isCurrent(connection) {
    this.#renew();
    return this.#model?.isCurrent() && ["host", "port", "user", "password", "database"].every((name) => connection[name] === this.#model[name]);
  }
  async #connect() {
    const { wait } = this.options, began = Date.now();
    if (!this.#url) await this.#first();
    this.#renew();
    for (let turned = false; ; ) {
      const newest = this.#url;
      try {
        const client = await super.connect();
        if (await client.good()) return client;
        client.release(true);
      } catch (err) {
        if (!turned && this.#next !== this.#url) { // the older one may log in
          turned = true;
          continue;
        }
        // The server refuses the login, whatever the SQLSTATE, or cannot be reached. No wait helps if a file is missing.
        const curable = err.syscall !== "open" && (/^([0-9A-Z]{5}$|E(?!RR_))/.test(err.code) || /^Connection terminated/.test(err.message));
        if (!curable || Date.now() - began > wait) throw err;
        const full = isFull(err) && isFull(this.#error); // there is no other server to try
        if (full && !this.#looking && Date.now() < this.#full.due) throw err;
        if (newest === this.#url) await (this.#looking ??= this.#look(full)); // all callers that wait share it
        if (full && newest === this.#url) throw err;
      }
    }
  }
  #renew() {
    if (Date.now() - this.#readAt > this.options.lifetime) this.#refresh().catch(() => {}); // if it fails, the last URL stays in use
    if (!this.#proven || this.#proven === this.#url || Date.now() < this.#trial.due) return;
    postpone(this.#trial);
    const client = new Client({ ...this.options, url: () => this.#url });
    client.connect((err) => err || client.end(() => {}));
  }
  #tried(url, err) {
    if (err) {
      if (url === this.#url) this.#error = err;
      if (url === this.#next) this.#next = (url === this.#url && this.#proven) || this.#url;
      return;
    }
    if (this.#proven !== this.#url) this.#proven = url;
    this.#next = this.#proven;
    this.#settle();
  }
  async #first() {
    if (this.#unread && Date.now() < this.#failing.due) throw this.#unread;
    if (!this.#reading) this.#space(this.#failing, 50, 1000);
    await this.#refresh().catch((err) => { throw (this.#unread = err); });
  }
  async #look(full) {
    if (full) this.#space(this.#full, 1000, this.options.lifetime);
    else {
      await sleep(Math.max(0, this.#failing.due - Date.now())); // the old password dies before the secret has the new one
      this.#space(this.#failing, 50, 1000);
    }
    const before = this.#url;
    const read = await this.#refresh().then(() => true, () => false);
    if (read && this.#url === before && /^28/.test(this.#error?.code)) this.#refuse();
    if (this.#url !== before) this.#next = this.#url;
    this.#looking = undefined;
  }
  // The pauses between reads grow, however many callers fail. If the last such read is long ago, they begin with a short one.
  #space(reads, least, most) {
    if (Date.now() - reads.due > 10_000) reads.pause = least / 2;
    postpone(reads, most);
  }
  #refresh() {
    this.#readAt = Date.now();
    const take = (answer) => {
      const url = connectionURL(answer.SecretString ?? answer, this.options.key);
      this.#secret = { id: answer.ARN, version: answer.VersionId };
      if (url === this.#url) return;
      new pg.Client(url); // fails if it names a file that is missing, for example
      this.#next ??= url;
      [this.#url, this.#error, this.#trial] = [url, undefined, { pause: 500, due: 0 }];
      this.#failing.due = this.#full.due = 0;
      this.#settle();
    };
    return (this.#reading ??= this.#read().then(take).finally(() => { this.#reading = undefined; }));
  }
  #refuse() {
    if (!this.options.refused || !this.#secret.version) return;
    this.#refusal ??= postpone({ pause: 500, over: new AbortController() });
    this.#refusal.wanted = true; // by a refusal since the last call
    this.#calling ??= this.#call().finally(() => { this.#calling = undefined; });
  }
  #settle() {
    this.#refusal?.over.abort();
    this.#refusal = undefined;
  }
  async #call() {
    for (let r; (r = this.#refusal)?.wanted; ) {
      await sleep(Math.max(0, r.due - Date.now()), undefined, { ref: false, signal: r.over.signal }).catch(() => {});
      if (r === this.#refusal) await this.#refresh().catch(() => {}); // the last read may be a minute old
      if (r !== this.#refusal) continue;
      r.wanted = false;
      try {
        await this.options.refused(this.#secret.id, this.#secret.version);
      } catch {} // this call is lost; the next may work
      postpone(r);
    }
  }
}

const isFull = (err) => /^53/.test(err?.code);
const jitter = (pause) => pause * (0.5 + Math.random()); // so that many processes do not act at the same time
function postpone(next, most = 40_000) { // jitter makes it a minute at most
  next.pause = Math.min(2 * next.pause, most);
  next.due = Date.now() + jitter(next.pause);
  return next;
}

class Client extends pg.Client {
  #proven; #tried; #url; #used = Date.now();
  constructor(options) {
    super({ ...options, connectionString: options.url() });
    [this.#proven, this.#tried, this.#url] = [options.proven, options.tried, options.url()];
    this.on("error", () => {}); // without it Node ends when the server cuts a session that is in use; the query fails in any case
  }
  connect(callback) {
    super.connect((err) => {
      this.#tried(this.#url, err);
      callback(err);
    });
  }
  isCurrent() {
    return this.#url === this.#proven();
  }
  async good() { // it has the current credential, and works
    const idle = Date.now() - this.#used;
    this.#used += idle;
    if (!this.isCurrent()) return false;
    return idle < 1000 || this.query({ text: "select 1", query_timeout: 2000 }).then(() => true, () => false);
  }
}

// connectionURL returns the URL under the key. Without a key it returns the text if it is a URL, the only URL in an object, or
// the one that AWS's own keys make. It asks for TLS, unless it has sslmode=disable. Errors name keys, and quote no value.
function connectionURL(text, key) {
  const object = objectOf(text);
  if (key && !object) throw new Error(`the secret is not a JSON object, so it has no key ${quoted(key)}`);
  if (key && !Object.hasOwn(object, key)) throw new Error(`the secret has no key ${quoted(key)}; its keys: ${list(Object.keys(object))}`);
  const found = key ? object[key] : object ? urlOf(object) : String(text).trim();
  if (isPostgres(found) && isSplit(found)) throw new Error(ambiguous);
  try {
    const url = new URL(found);
    const { hostname, searchParams } = url;
    if (!hostname || !isPostgres(found) || /[\0-\x1f\x7f]/.test(found)) throw new Error(); // URL would drop a line end
    if (/^(|allow|prefer)$/.test(searchParams.get("sslmode") ?? "")) searchParams.set("sslmode", "require");
    searchParams.set("uselibpqcompat", "true"); // else pg takes sslmode=require for verify-full
    return url.href;
  } catch {
    // The cause is left out, because it quotes the secret.
    throw new Error(key ? `the secret has no Postgres URL under the key ${quoted(key)}` : "the secret holds neither a Postgres URL nor an object with one");
  }
}

function objectOf(text) {
  try {
    if (!/^\s*\{/.test(text)) return;
    JSON.parse(text);
    return JSON.parse(String(text).replace(/"[^"\\]*(\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g, (token) => (/^("|\d+$)/.test(token) ? token : "{}"))); // else a port of 1.0 would be 1
  } catch {} // the error quotes the secret
}

const isPostgres = (value) => typeof value === "string" && /^postgres(ql)?:\/\//.test(value);

// A / ? # @ that is not encoded may end the password too early. A part of the password would then be taken for the host, and DNS
// would be asked for it. An @ in the value of a parameter does no harm.
const ambiguous = "the secret's Postgres URL is ambiguous: percent-encode each / ? # @ in its user name, password and database name";
function isSplit(url) {
  const [, user, rest] = /^\w+:\/\/([^@]*)@(.*)/.exec(url) ?? ["", "", ""];
  return /[/?#]/.test(user) || /^([^?]*|[^=]*)@/.test(rest);
}

// If there are two URLs, a person has added one, and only AWS's own keys are certain.
function urlOf(object) {
  const names = Object.keys(object).filter((name) => isPostgres(object[name]));
  if (names.length === 1) return object[names[0]];
  const url = urlOfParts(object);
  if (names.length && !url) throw new Error(`several keys hold one: ${list(names)}; choose with key`);
  return url;
}

// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
function urlOfParts(object) {
  const port = [undefined, null, 0, ""].includes(object.port) ? 5432 : object.port; // some tools write it as a text
  const texts = ["engine", "host", "username", "password", "dbname"].map((name) => object[name] ?? "");
  if (typeof port === "object" || !/^[1-9]\d{0,4}$/.test(port) || port > 65535 || texts.some((text) => typeof text !== "string")) return;
  const [engine, name, ...others] = texts, host = /^[^[].*:/.test(name) ? `[${name}]` : name;
  if (!host || !["", "postgres", "postgresql", "aurora-postgresql"].includes(engine)) return;
  const [user, password, database] = others.map(encodeURIComponent);
  return `postgres://${user}:${password}@${host}:${port}/${database}`;
}

// A name that is not shown has another form, or is long: it could be a credential that was put into the wrong place.
const quoted = (key) => (/^[\w+=./@-]{1,100}$/.test(key) ? `"${key}"` : "(not shown)");
function list(keys) {
  const shown = keys.sort().filter((key) => /^[\w.-]{1,31}$/.test(key)).slice(0, 10).map(quoted);
  if (shown.length < keys.length) shown.push(`${keys.length - shown.length} not shown`);
  return shown.join(", ") || "none";
}

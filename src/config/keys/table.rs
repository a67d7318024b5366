//! The one table of all keys, in the order of the reference.

use super::{Key, Kind};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const POSITIVE: Kind = Kind::Duration { zero: false };
const FROM_ZERO: Kind = Kind::Duration { zero: true };
const MODE: Kind = Kind::Choice(&["full", "no_send", "read_only"]);

const fn key(pattern: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        pattern,
        kind,
        default: None,
        doc,
    }
}

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max }
}

const fn size(min: u64, max: u64) -> Kind {
    Kind::Size { min, max }
}

impl Key {
    const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }
}

/// The tables, each with what it is about.
#[rustfmt::skip]
pub(in crate::config) const SECTIONS: &[(&str, &str)] = &[
    ("", "At the top, before any table."),
    ("listen", "Where callers reach the proxy."),
    ("listen.tls", "What listeners that speak TLS show, and whom they know by certificate."),
    ("listener.[]", "A listener that already selects: one port, one business unit. May stand several times."),
    ("admin", "Health, metrics and users' logins."),
    ("tenants.*", TENANTS),
    ("tenants.*.accounts", "Names for accounts (business units). Only these and `account_id` can be selected. For `kind = \"marketing_cloud\"` alone; with `grant = \"authorization_code\"`, one login serves all of them, or each has one of its own."),
    ("clients.*", "An application that may call. With any, every caller has to say which one it is; without, anyone who can reach a listener may call. The table's name is the client's: `a-z 0-9 - .`, the common name or a DNS name of its certificate where it has one."),
    ("intercept", "Where this table is, even empty, the proxy answers CONNECT and serves https for Salesforce's hosts with certificates of a local CA."),
    ("upstream", "How calls go out."),
    ("timeouts", "How long things may take."),
    ("limits", "How much there may be."),
    ("state", STATE),
    ("log", "What is logged, to stderr."),
    ("audit", "A record of who called what, beside the log."),
    ("shutdown", "What happens on SIGTERM."),
];

const TENANTS: &str = "One installed package at one Marketing Cloud tenant, or one connected app at one org of core Salesforce. The table's name is the tenant's: `a-z 0-9 -`.

| `kind` | tokens come from | calls go to | grants |
|---|---|---|---|
| `marketing_cloud` | `https://SUBDOMAIN.auth.marketingcloudapis.com/` | the tenant's REST and SOAP instances | client credentials, authorization code |
| `salesforce` | `https://SUBDOMAIN.my.salesforce.com/` | the org's own instance | client credentials, authorization code, JWT bearer |
| `data_cloud` | the same, then exchanged for a token of Data Cloud | the Data Cloud instance | as `salesforce` |
| `account_engagement` | as `salesforce` | `api_url`, with the business unit in a header | as `salesforce` |

With `grant = \"client_credentials\"` the app itself is the user. With `\"authorization_code\"` a user logs in once in a browser, with `sfmc-auth-proxy login TENANT` or at `/login/TENANT` of the admin listener; from then on refresh tokens do, which `[state]` keeps over a restart. With `\"jwt_bearer\"` a key signs for one user, whom an administrator has approved for the app. A key that is not for the tenant's kind or grant is refused.";

const STATE: &str = "Where refresh tokens are kept, so that the logins of `grant = \"authorization_code\"` outlive the process: one sealed file for each tenant and account, or, where several replicas run, what they share on Redis. Without it they live in memory alone, and after a restart every user has to log in again. Make a key with `head -c 32 /dev/urandom | base64`, and keep it elsewhere than the directory. To change it, put the new one first and leave the old one second until every login has been renewed once. One process at a time uses the directory; access tokens are never in it. With `redis_url` they are on Redis too, sealed, and end there by themselves.";

/// Every key.
#[rustfmt::skip]
pub(in crate::config) const KEYS: &[Key] = &[
    key("default_tenant", Kind::Text, "The tenant of calls that select none. With one tenant it is that one; with several and none named, calls have to select."),

    key("listen.http", Kind::Addresses, "Addresses to listen on: `ip:port`, `localhost:port` or `unix:/path`. Port 0 takes a free one. The default's `[::1]` is left out where there is no IPv6.").default("127.0.0.1:7362,[::1]:7362"),
    key("listen.https", Kind::Addresses, "Addresses that speak TLS, written as in `http`. They need `cert_file` in `[listen.tls]`, or `[intercept]`.").default(""),
    key("listen.public_url", Kind::Url, "Scheme and host under which callers know the proxy, for the URLs in its answers. Without it each call's Host is taken."),
    key("listen.allowed_hosts", Kind::Texts, "Host names that are accepted beyond loopback names and the addresses listened on, without port; by the admin listener too.").default(""),
    key("listen.answer_urls", Kind::Choice(&["proxy", "as_called"]), "What URLs of the tenant's hosts become in answers, on `http` and `https`: the proxy, or (`as_called`) nothing else for callers that asked the vendor's hosts through the proxy, since their next call comes the same way.").default("proxy"),
    key("listen.preserve_header_case", Kind::Flag, "Keep header names as they came, both ways, instead of writing Title-Case.").default("false"),
    key("listen.insecure_allow_unauthenticated", Kind::Flag, "Allow listeners beyond loopback although anyone who can reach them acts as the tenant, or as the client that the listener names.").default("false"),

    key("listen.tls.cert_file", Kind::Path, "The certificate that listeners show, as PEM, and after it those that lead to its CA. With `[intercept]`, Salesforce's hosts still get certificates of the local CA."),
    key("listen.tls.key_file", Kind::Path, "The key of that certificate, as PEM, not encrypted."),
    key("listen.tls.client_ca_file", Kind::Path, "CAs whose certificates name clients, as PEM: the client is the one called like the certificate's common name or one of its DNS names. Without any `[clients.NAME]`, every caller of a TLS listener needs such a certificate."),

    key("listener.[].address", Kind::Address, "Where to listen, as in `listen.http`. Required."),
    key("listener.[].https", Kind::Flag, "Speak TLS here, as on `listen.https`.").default("false"),
    key("listener.[].tenant", Kind::Text, "The tenant of calls that come in here; without it, the default tenant of the client that is named here, else `default_tenant`."),
    key("listener.[].account", Kind::Account, "The account of calls that come in here: a name or a member id of that tenant."),
    key("listener.[].client", Kind::Text, "The client that whoever can reach this listener is, without any secret."),
    key("listener.[].mode", MODE, "What calls that come in here may do at most.").default("full"),
    key("listener.[].answer_urls", Kind::Choice(&["proxy", "as_called"]), "What URLs of the tenant's hosts become in answers, as in `listen.answer_urls`.").default("proxy"),

    key("admin.listen", Kind::Address, "Where health and metrics are served, and users log in: `ip:port` or `localhost:port`. Beyond loopback, all but health and metrics is closed to whoever does not show `token`, and to everyone where there is none.").default("127.0.0.1:7363"),
    key("admin.token", Kind::Secret, "Who shows it, as Bearer or once in a form, may do more than look at health and metrics. Beyond loopback nobody may without it; on loopback it is asked for where it is set. At least 16 characters. This or `token_file`."),
    key("admin.token_file", Kind::Path, "A file that holds the token; one line end at its end is dropped."),
    key("admin.quit", Kind::Flag, "Whether `POST /quitquitquit` drains and exits with 0, as SIGTERM does: for a job whose sidecar has to end when the job has.").default("false"),

    key("tenants.*.kind", Kind::Choice(&["marketing_cloud", "salesforce", "data_cloud", "account_engagement"]), "What kind of tenant it is.").default("marketing_cloud"),
    key("tenants.*.subdomain", Kind::Text, "The tenant's subdomain: the SUB in `https://SUB.auth.marketingcloudapis.com/`; for the other kinds the My Domain name, all that stands before `.my.salesforce.com`, as `acme` or `acme--uat.sandbox`. Required unless `auth_url` is given."),
    key("tenants.*.grant", Kind::Choice(&["client_credentials", "authorization_code", "jwt_bearer"]), "How tokens are minted. `jwt_bearer` is not for `kind = \"marketing_cloud\"`, since the vendor offers no public contract for it.").default("client_credentials"),
    key("tenants.*.client_id", Kind::Text, "The client id of the installed package, or the consumer key of the connected app. Required."),
    key("tenants.*.client_secret", Kind::Secret, "The client secret. This or `client_secret_file` is required for `client_credentials`, may be left out of a public package with `authorization_code`, and has no place with `jwt_bearer`."),
    key("tenants.*.client_secret_file", Kind::Path, "A file that holds the client secret; one line end at its end is dropped. A relative path starts at the configuration file."),
    key("tenants.*.client_secret_next", Kind::Secret, "The secret that comes after `client_secret`, in a rotation: where the token endpoint refuses the one, the other is tried. Which one it takes, the metric `client_secret_in_use` tells."),
    key("tenants.*.client_secret_next_file", Kind::Path, "A file that holds it; one line end at its end is dropped."),
    key("tenants.*.redirect_uri", Kind::Url, "For `authorization_code`: where the browser comes back to after a login. It ends in `/oauth/callback`, and has to be registered with the package exactly as it stands here, to the letter. Plain http for loopback alone. Default: `\"http://127.0.0.1:7363/oauth/callback\"`, with the address of `admin.listen`; required where that is beyond loopback or takes any free port."),
    key("tenants.*.pkce", Kind::Flag, "For `authorization_code`: bind each login to this process (PKCE, S256). Default: `false` for `kind = \"marketing_cloud\"`, where the vendor documents nothing of it, else `true`."),
    key("tenants.*.jwt_key", Kind::Secret, "For `jwt_bearer`: the private key whose certificate is with the connected app, as PEM: RSA of 2048 bits or more, not encrypted. This or `jwt_key_file` is required."),
    key("tenants.*.jwt_key_file", Kind::Path, "A file that holds that key."),
    key("tenants.*.jwt_subject", Kind::Text, "For `jwt_bearer`: the name of the user that calls are made as. Required."),
    key("tenants.*.jwt_audience", Kind::Url, "For `jwt_bearer`: whom the assertion is for. Default: `\"https://login.salesforce.com\"`, and `\"https://test.salesforce.com\"` where the subdomain ends in `.sandbox` or `auth_url` is of that host."),
    key("tenants.*.account_id", Kind::Mid, "For `kind = \"marketing_cloud\"`: member id (MID) of the default account. Without it, tokens are for the package's own account; with named accounts, calls have to select."),
    key("tenants.*.allow_any_account", Kind::Flag, "For `kind = \"marketing_cloud\"`: let callers select member ids that have no name here.").default("false"),
    key("tenants.*.scope", Kind::Words, "Scopes to ask for, each of which the vendor has to know. Leave it out for all that the package grants."),
    key("tenants.*.extra_scopes", Kind::Words, "Further scopes to ask for, as they are: for those that are newer than this version.").default(""),
    key("tenants.*.dataspace", Kind::Text, "For `kind = \"data_cloud\"`: the data space to ask for. Without it, the default one."),
    key("tenants.*.business_unit_id", Kind::Text, "For `kind = \"account_engagement\"`: the business unit, 18 characters that begin with `0Uv`. Required."),
    key("tenants.*.api_url", Kind::Url, "For `kind = \"account_engagement\"`: where calls go. `https://pi.demo.pardot.com/` for a sandbox, or a host of `trusted_hosts`. Default: `\"https://pi.pardot.com/\"`."),
    key("tenants.*.mode", MODE, "What calls may do at most: everything, nothing that sends, nothing that writes. The strictest of tenant, client and listener holds; docs/policy.md has the table.").default("full"),
    key("tenants.*.refresh_before", FROM_ZERO, "Renew a token this long before it expires, in the background; at most the last quarter of its life.").default("120s"),
    key("tenants.*.token_lifetime", POSITIVE, "For all kinds but `marketing_cloud`: how long a token lives whose response does not say so. At most the org's session timeout, which is 2 hours unless an administrator has changed it. Default: `\"1h\"`."),
    key("tenants.*.auth_url", Kind::Url, "Where tokens come from, only to override what the subdomain implies; `https://login.salesforce.com/` or `https://test.salesforce.com/` too, for `authorization_code` and `jwt_bearer`. Plain http for loopback alone."),
    key("tenants.*.trusted_hosts", Kind::Texts, "Hosts, or host:port, that are accepted as instances beyond the subdomain's own.").default(""),
    key("tenants.*.ca_file", Kind::Path, "Further roots of trust for this tenant, as PEM."),
    key("tenants.*.accounts.*", Kind::Mid, "A name (`a-z 0-9 -`, not digits alone) and its member id."),

    key("clients.*.secret", Kind::Secret, "What the client shows beside its name. This or `secret_file` is required, unless the client is known by certificate or a `[[listener]]` names it."),
    key("clients.*.secret_file", Kind::Paths, "A file that holds the secret; one line end at its end is dropped. Of several files each is right, as during a rotation; access tokens that are handed to the client are made with the first."),
    key("clients.*.usernames", Kind::Texts, "Further user names that mean this client, with its secret as password, in wsse and Basic."),
    key("clients.*.tenants", Kind::Texts, "The tenants that it may use; the first is its default. Without it: `default_tenant`."),
    key("clients.*.accounts", Kind::Accounts, "The accounts that it may use, by name or member id; the first of each tenant is its default there. Without it: the default account of each of its tenants."),
    key("clients.*.mode", MODE, "What its calls may do at most.").default("full"),
    key("clients.*.allow", Kind::Texts, "The only calls that it may make, as `GET /asset/v1/**` or `SOAP Retrieve`; docs/policy.md says how they are written. Without it: all."),
    key("clients.*.policy", Kind::Choice(&["enforce", "observe"]), "What becomes of calls that this client's own `mode` or `allow` refuses. `observe` lets them through and records them as `would_refuse`; what its tenant, listener or accounts refuse is still refused. docs/policy.md has more.").default("enforce"),

    key("intercept.ca_dir", Kind::Path, "Where the local CA is, `ca.pem` and `ca.key`; made at the first start. In `$XDG_DATA_HOME` where that is an absolute path.").default("~/.local/share/sfmc-auth-proxy/ca"),
    key("intercept.other_hosts", Kind::Choice(&["deny", "tunnel"]), "What a forward-proxy request for a host that is no tenant's gets: a refusal, or a way there, if that host is on the public network.").default("deny"),

    key("upstream.resolve_with", Kind::Servers, "Who resolves host names: `system`, or name servers as `ip` or `ip:port` (53), which are asked past any hosts file.").default("system"),
    key("upstream.proxy", Kind::Proxy, "The proxy on the way out: `env` is what HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say, `none` is none, else an `http://` URL. Loopback is always reached directly.").default("env"),
    key("upstream.via", Kind::Flag, "Add a Via header to calls.").default("false"),

    key("timeouts.request_head", POSITIVE, "From the first byte of a request's head to its last.").default("30s"),
    key("timeouts.client_idle", POSITIVE, "How long a caller's connection may wait for its next request.").default("75s"),
    key("timeouts.connect", POSITIVE, "Name resolution, TCP and TLS to the tenant, together.").default("10s"),
    key("timeouts.response_head", POSITIVE, "From the last byte of a request to the head of its answer.").default("300s"),
    key("timeouts.body_stall", POSITIVE, "A body that moves no byte for this long, either way.").default("120s"),
    key("timeouts.pool_idle", POSITIVE, "How long an unused connection to the tenant is kept.").default("50s"),

    key("limits.workers", count(0, 1024), "Threads that serve; 0 takes as many as there are processors.").default("0"),
    key("limits.max_connections", count(1, 1_000_000), "Callers' connections at one time; more wait.").default("4096"),
    key("limits.max_headers", count(1, 4096), "Header lines of one request or answer.").default("256"),
    key("limits.max_header_size", size(KIB, 16 * MIB), "Size of one request's or answer's head.").default("64KiB"),
    key("limits.max_replay_size", size(0, GIB), "Largest body that is kept for a replay; larger ones stream, but cannot be replayed.").default("4MiB"),
    key("limits.max_envelope_size", size(KIB, GIB), "Largest SOAP request, unpacked; larger ones are refused.").default("16MiB"),
    key("limits.max_buffered_size", size(0, 1024 * GIB), "All bodies kept for replays, and all SOAP requests, together; at most a quarter of the process's memory limit.").default("256MiB"),
    key("limits.max_client_requests", count(0, 1_000_000), "Requests in flight per client; 0 is no limit.").default("0"),
    key("limits.max_forced_mints", count(0, 1000), "Token requests that refusals may cause, per account; one comes back each minute.").default("20"),

    key("state.dir", Kind::Path, "The directory, for this proxy alone; made if it is not there. Needs `key` or `key_file`. This or `redis_url`."),
    key("state.key", Kind::Secret, "What seals what is kept: 32 bytes as base64. This or `key_file` is required."),
    key("state.key_file", Kind::Paths, "A file that holds the key; one line end at its end is dropped. Of several files the first one's key seals, and each one's opens."),
    key("state.redis_url", Kind::Secret, "A Redis or Valkey server that replicas of this proxy share: `redis://`, or with TLS `rediss://`, then `USER:PASSWORD@` with percent signs escaped, host, port and `/DATABASE`, of which only the host has to be there. Then access tokens are minted once for all replicas, and logins are there instead of in `dir`; all of it is sealed under `key`, which has to be the same for all of them. docs/scaling.md says more. This or `redis_url_file`."),
    key("state.redis_url_file", Kind::Path, "A file that holds that URL; one line end at its end is dropped."),
    key("state.ca_file", Kind::Path, "Further roots of trust for a `rediss://` server, as PEM."),

    key("log.format", Kind::Choice(&["json", "text"]), "Shape of log lines. Without it: text on a terminal, else json."),
    key("log.level", Kind::Choice(&["error", "warn", "info", "debug", "trace"]), "Least severe level that is logged. `POST /log` of the admin listener changes it for a time; docs/logging.md.").default("info"),
    key("log.sample", Kind::Share, "The share of ordinary requests that is logged, from 0 to 1: those that ended well, at the first attempt and in time. All others always are.").default("1"),
    key("log.slow", FROM_ZERO, "A request that takes longer is logged as a warning, with what it waited for. `0s` is never.").default("10s"),

    key("audit.file", Kind::Path, "Every call and every refusal is recorded here, as one JSON object a line: what the log's line has, and the object types of SOAP and an id of our own. Opened anew on SIGHUP, and when it has been moved away."),
    key("audit.on_error", Kind::Choice(&["continue", "refuse"]), "What becomes of calls while the file cannot be written: `continue` holds back as many lines as there is room for, and then loses some; `refuse` makes no call that is not recorded.").default("continue"),

    key("shutdown.drain_delay", FROM_ZERO, "After the signal to stop: keep serving, but unready, for this long.").default("0s"),
    key("shutdown.drain_timeout", FROM_ZERO, "Then wait this long at most for calls in flight.").default("30s"),
];

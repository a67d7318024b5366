//! The policy's reference, as Markdown. It is written from the table, and a test sees that the copy in `docs/` is not stale.

use std::fmt::Write;

use super::table::{CORE, OBJECTS, READING, ROUTES, SENDING_ROOTS};
use super::{Doubt, Effect};

const HEAD: &str = "\
# Policy

Written by a test from the table in `src/policy/table.rs`; change it there.

`mode` of a tenant, client, listener or `exec` says what calls may do; the strictest holds. `full` lets everything through,
`no_send` all but what sends messages to people, `read_only` only what reads. `allow` of a client lists the calls that it may
make. A call that is held back never reaches the tenant, and the answer's `code` says why: `send_blocked`, `write_blocked` or
`policy_denied`. A call that sends is `send_blocked` under `read_only` too.

## Allow lists

| pattern | covers |
|---|---|
| `GET /asset/v1/**` | a method and a path; `*` is every method |
| `*` in a path | one segment, whatever it is; never a part of one |
| `**` in a path | any number of segments, none included |
| `SOAP Retrieve` | an operation with every object type, and with none; `SOAP *` is every operation |
| `SOAP Retrieve DataExtensionObject[*]` | an operation with objects of this type; `*` inside brackets is any key |
| `SOAP Retrieve *` | an operation that names its types, whatever they are |

- Letter case counts. HEAD is allowed where GET is. Queries are not matched.
- Both the path as it was sent and the path without its escapes have to be covered. Empty segments (`//`) are merged first.
- A SOAP call is allowed if each of its object types is covered by a pattern of its operation. One that names no type, or has
  an object without `xsi:type`, needs a pattern without a type. So does a Retrieve that only carries a `ContinueRequest`, as
  some SDKs send it.
- An empty list allows nothing.
- `sfmc-auth-proxy check` warns of patterns that can match nothing.

## Trying a policy out

`policy = \"observe\"` of a client lets through what its own `mode` and `allow` refuse. Each such call carries the refusal's code as
`would_refuse` in the log and in the audit record, and counts in `sfmc_auth_proxy_would_be_refusals_total{client,reason}`. Once
nothing that is meant is counted there any more, write `\"enforce\"`, which is the default; a reload is enough.

Only the client's own policy is observed. The mode of the tenant, of the listener, and of a token that was handed out with a mode of its
own still holds, and so do the tenants and accounts that the client may use. A call that two modes refuse is refused.
`check` and the log warn of every client whose policy does not hold.

## Suggested lists

`sfmc-auth-proxy suggest CLIENT` prints the smallest list for what a client was seen to call, with `tenants`, `accounts` and
`mode`, ready to paste below `[clients.CLIENT]`. It asks the running proxy, which has counted since it was started, or reads audit
records (`--from FILE`, which reach back farther). It goes by these rules:

- What was seen stays allowed, but for what no list lets through: a call that is unclear (below), and an envelope that names other
  accounts than the client may use (ClientIDs, QueryAllAccounts). Both work without a policy; a warning says how many were seen.
  What is allowed beside what was seen is of the same service root, method and effect.
- Paths are kept to three segments, with ids masked. So `{id}` becomes `*`; a path of three segments may have gone on, and ends in
  `/**`; a shorter one is whole, and ends as it is. Narrow a pattern by hand where you know more.
- Reads are merged with reads of the same root and version, and what writes with what writes, if at least two routes come together and
  nothing that sends comes with them: `GET /asset/v1/**`. What may send is never merged, and no two methods ever are.
- Object types are never merged. A call that named none, or had an object without `xsi:type`, needs its operation without a type,
  which covers them all: a warning says so. For Create and Update that counts as a send.
- A route below which some calls send and others do not counts as one that sends, because what was seen does not tell. A
  warning names it; `mode` is then `\"full\"`.
- `mode` is `\"read_only\"` if only reads were seen, and `\"no_send\"` if nothing that may send was.
- What the client gets now where nothing is selected stays first, of `tenants` and of `accounts`, since the first is its default. It
  is listed even if no call for it was seen, and a warning says so: take it out only if nothing relies on it. `accounts` is left
  out if all of that is the tenant's own default account. Audit records do not say what is meant where nothing is selected: a
  warning then says to put it first.
- Of accounts without a name the running proxy tells the member id of the default one alone. Where one is not known, a warning says
  so, and `check` refuses what stands in its place.
- A call whose service root is masked, or whose operation is not known, gets no pattern. A warning names it. The WSDL is for
  everybody and needs none.
- The running proxy keeps 300 kinds of calls of a client. A warning says if there were more.
- An empty list is never suggested.

What is rare is not seen soon: the command warns if calls were watched for less than 31 days. Try the list out with
`policy = \"observe\"` first.
";

/// The reference, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n## What is unclear\n\nWhere a policy applies, a call is held back as `policy_denied` if\n\n");
    for doubt in Doubt::ALL {
        let _written = writeln!(text, "- {}.", doubt.words());
    }
    let _written = writeln!(
        text,
        "\n## REST\n\n{} read, but for the rows below. Letter case of a path does not count here. Where a row sends, every other method that may change \
         something\nsends too, unless it has a row of its own. What the table does not know counts as a write, and as a send \
         where it is a POST\nbelow {}, or below a root\nthat is not plain letters.\n\n| call | does | source |\n|---|---|---|",
        READING.join(", "),
        SENDING_ROOTS.map(|root| format!("`/{root}`")).join(", "),
    );
    for row in ROUTES {
        let (method, path, does, source) = (row.method, row.path, does(row.effect), row.source);
        let _written = writeln!(text, "| `{method} {path}` | {does} | {source} |");
    }
    text.push_str(
        "\n## SOAP\n\nThe first row that fits holds; of several types in one call, the gravest. An unknown operation, several \
         elements in the\nBody, and a Create or Update with an object that says no type count as sends.\n\n\
         | operation | object type | does | source |\n|---|---|---|---|\n",
    );
    for row in OBJECTS {
        let (operation, object_type) = (row.operation.name(), row.object_type);
        let (does, source) = (does(row.effect), row.source);
        let _written = writeln!(
            text,
            "| {operation} | `{object_type}` | {does} | {source} |"
        );
    }
    text.push_str(
        "\n## SOAP of core Salesforce\n\nOf the partner, enterprise, metadata and tooling APIs, by the exact name. Every other \
         operation of theirs writes, and so does\nevery operation of an Apex class, whatever it is called; several elements in \
         the Body count as a send. Object types are not looked at.\n\n| operation | does | source |\n|---|---|---|\n",
    );
    for row in CORE {
        let (name, does, source) = (row.name, does(row.effect), row.source);
        let _written = writeln!(text, "| {name} | {does} | {source} |");
    }
    text
}

fn does(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "reads",
        Effect::Write => "writes",
        Effect::Send => "sends",
    }
}

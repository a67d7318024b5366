//! The reference of scopes, as Markdown. It is written from the table, and a test sees that the copy in `docs/` is not stale.

use std::fmt::Write;

use super::Need;
use super::objects::OBJECTS;
use super::routes::ROOTS;

const HEAD: &str = "\
# Scopes

Written by a test from the table in `src/policy/scopes/`; change it there.

Each call at Marketing Cloud needs a scope of the installed package. This table says which, and is used for advice alone: no call
is held back for a scope that its token lacks. What it does not know, it says nothing about. Tenants of the other kinds
have no scopes by route, and no rows here.

## What it is used for

- **Advice.** Where a tenant says 403, `API Permission Failed`, or a 401 that no fresh token cures, the details of the answer's
  `Proxy-Status` and `advice` in the log name the scope that the call needs, and say whether the token has it. What a token has
  is what its token response said. Where it has the scope, the cause lies elsewhere: the user's permission, the account's
  feature, an object that is not shared with the business unit, the IP allowlist. Changes of a package take up to five minutes.
- **`sfmc-auth-proxy scopes TENANT`** asks the running proxy for what was granted, used and missing, and prints the smallest
  `scope` list for what was seen. A call that comes once a month is not in it before that month is over: the command says
  since when it has watched. A scope that the table knows only by inference is as good as the guess.
- **`/status.json`** of the admin listener counts calls by the scope that they needed.

The smallest list is what calls used and what they missed, and what the table says is needed beside those. A call used only what its
token has: what came through without a scope did not need it, whatever the table says. Where no answer told, because a
call was throttled or failed, or one envelope held several types, the table's word counts as far as the token has the scope, and a
line says so. A line names what the token lacks: add that to the package before the list is pasted, or each token request fails
with `invalid_scope`. Where a call's first three segments leave open what it needs, it is named, and nothing that it may need is
called unneeded. `offline` stays where users log in, since refresh tokens come with it alone. An empty list is never
suggested: a token that is asked for with an empty `scope` may do nothing.

`GET /v2/userinfo` of the auth host needs no scope, and the WSDL no token.

## How sure a row is

| word | means |
|---|---|
| documented | the vendor says so |
| seen | somebody has tried it and told |
| inferred | it follows from the names of scopes and calls alone; advice says `probably` |

A scope in the column `needs` that stands behind `or` does as well as the one before it. All that are joined by `and` are needed.
";

/// The reference, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    text.push_str(
        "\n## REST\n\nOf the rows that fit, the first one of the call's method holds; HEAD counts as GET. Letter case of a path does not count.\n\n\
         | call | needs | how sure | source |\n|---|---|---|---|\n",
    );
    for (root, rows) in ROOTS {
        for row in *rows {
            let call = format!("{} /{root}/{}", row.method, row.path);
            let _written = match &row.need {
                Some(need) => writeln!(text, "| `{call}` | {}", cells(need)),
                None => writeln!(
                    text,
                    "| `{call}` | nothing | documented | vendor guide: REST API Permission IDs and Scopes |"
                ),
            };
        }
    }
    text.push_str(
        "\n## SOAP\n\nThe first row that fits holds. Describe, Extract, Execute, VersionInfo and GetSystemStatus are not in it, nor are\n\
         types that belong to no family of scopes, such as DataFolder.\n\n\
         | operations | object types | needs | how sure | source |\n|---|---|---|---|---|\n",
    );
    for row in OBJECTS {
        let operations = row.operations.join(", ");
        let types: Vec<String> = row
            .object_types
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let _written = writeln!(
            text,
            "| {operations} | {} | {}",
            types.join(", "),
            cells(&row.need)
        );
    }
    text
}

fn cells(need: &Need) -> String {
    let quoted = |names: &[&str], word: &str| -> String {
        let named = names.iter().map(|name| format!(" {word} `{name}`"));
        named.collect()
    };
    format!(
        "`{}`{}{} | {} | {} |",
        need.scope,
        quoted(need.or, "or"),
        quoted(need.and, "and"),
        need.certainty.name(),
        need.source
    )
}

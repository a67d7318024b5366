//! SOAP toolkits: nothing but the proxy's address, and name and secret where the proxy has clients.

use std::process::Command;

use serde_json::{Value, json};

use super::{Field, NAME, SECRET, USERNAME, driver, has_program, python, told, undisturbed};
use crate::process::has_part;

/// What every toolkit tells in its own way: created, and found after the token was revoked.
fn check_round_trip(field: &Field, told: &Value, email: &str) {
    assert_eq!(*told, json!({ "created": "OK", "found": ["OK", [email]] }));
    assert!(field.tenant.mints() >= 2, "the revocation was cured");
    field.check_journal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zeep_works_from_the_proxy_alone() {
    let Some(python) = python() else {
        return;
    };
    let field = Field::of_anyone().await;
    let mut command = undisturbed(python);
    command.arg(driver("zeep_client.py"));
    command.args([field.proxy(), field.control()]);
    check_round_trip(&field, &told(command).await, "from-zeep@example.com");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zeep_says_who_it_is_by_basic_or_by_an_old_user_name() {
    let Some(python) = python() else {
        return;
    };
    for (how, name) in [("basic", NAME), ("wsse", USERNAME)] {
        let field = Field::of_clients().await;
        let mut command = undisturbed(&python);
        command.arg(driver("zeep_client.py"));
        command.args([&field.proxy(), &field.control(), how, name, SECRET]);
        check_round_trip(&field, &told(command).await, "from-zeep@example.com");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phps_soap_client_works_from_the_proxy_and_as_a_client() {
    let mut look = Command::new("php");
    look.args(["-r", "exit(extension_loaded('soap') ? 0 : 1);"]);
    if !has_program("php") || !has_part("PHP's extension soap", &mut look) {
        return;
    }
    for (field, identity) in [
        (Field::of_anyone().await, &[][..]),
        (Field::of_clients().await, &[NAME, SECRET]),
    ] {
        let mut command = undisturbed("php");
        command.arg(driver("soap_client.php"));
        command.args([field.proxy(), field.control()]);
        command.args(identity);
        check_round_trip(&field, &told(command).await, "from-php@example.com");
    }
}

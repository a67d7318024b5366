//! A second signal: it ends `run` at once, with a code that tells which one it was, as the help says.

use sfmc_auth_proxy::sandbox;

use crate::harness::{Client, tenant_settings, until};
use crate::process::{Process, configuration, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_with_the_code_that_the_help_says() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "[shutdown]\ndrain_delay = \"60s\"");
    let help = run(&["run", "--help"], &[], folder.path());
    let help = String::from_utf8(help.stdout).unwrap();
    for (name, code, said) in [
        ("INT", 130, "130  a second Ctrl-C"),
        ("TERM", 143, "143  a second SIGTERM"),
    ] {
        let mut process = Process::start(folder.path(), &[], &[]).await;
        let admin = process.admin;
        process.signal("TERM");
        until("unready", async || {
            Client::connect(admin).await.get("/readyz").await.status == 503
        })
        .await;
        process.signal(name);
        assert_eq!(process.ended().await.code(), Some(code), "SIG{name}");
        assert!(help.contains(said), "{said} is missing in:\n{help}");
    }
}

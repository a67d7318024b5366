//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    sfmc_auth_proxy::cli::main()
}

//! `lookup`: hosts by name, services by name and port, and byte orders.

mod byte_order;
mod host;
mod resolver;
mod services;
mod sockets;

use clap::Args;

use super::error::CliError;
use super::program;
use super::tool::ToolFormat;
use super::value::{self, ValueError};
use crate::machine::Status;
use byte_order::ByteOrder;
use host::HostReport;
pub(super) use resolver::LookupError;
use services::{Service, Services};

/// What the help shows.
pub(super) const EXAMPLES: &str = "\
Examples:
  lossproof lookup localhost
  lossproof lookup localhost --service https   (what a program can connect to)
  lossproof lookup --service https
  lossproof lookup --port 443 --json
  lossproof lookup --byte-order 20000";

/// The words after `lookup`.
#[derive(Debug, Args)]
pub(super) struct LookupArgs {
    /// A host's name or address
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    #[arg(required_unless_present_any = ["service", "port", "byte_order"])]
    name: Option<String>,
    /// A service, such as https: its ports, or with NAME all that can be connected to
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Show the services that have this port
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = port)]
    #[arg(conflicts_with_all = ["name", "service"])]
    port: Option<u16>,
    /// Show a number in the order of this host's bytes and of the network's
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = number)]
    #[arg(conflicts_with_all = ["name", "service", "port"])]
    byte_order: Option<u32>,
    /// How to write it.
    #[command(flatten)]
    format: ToolFormat,
}

fn port(text: &str) -> Result<u16, ValueError> {
    value::whole(text, 0, u16::MAX.into()).map(|port| port as u16)
}

fn number(text: &str) -> Result<u32, ValueError> {
    value::whole(text, 0, u32::MAX.into()).map(|number| number as u32)
}

/// Looks up what was asked for.
pub(super) fn run(args: &LookupArgs) -> Result<Status, CliError> {
    if let Some(number) = args.byte_order {
        return args.format.write(&[ByteOrder::of(number)]);
    }
    if let Some(port) = args.port {
        let services = Services::of_this_host().by_port(port);
        return if services.is_empty() {
            Err(LookupError::Port(port).into())
        } else {
            args.format.write(&services)
        };
    }
    let services = args.service.as_deref().map(services_by_name).transpose()?;
    match (&args.name, services) {
        (None, services) => args.format.write(&services.unwrap_or_default()),
        (Some(name), None) => args.format.write(&[HostReport::of(name)?]),
        (Some(name), Some(services)) => {
            let sockets = sockets::of_services(&resolver::resolve(name)?, &services);
            if sockets.is_empty() {
                return Err(LookupError::NoSocket(name.clone()).into());
            }
            args.format.write(&sockets)
        }
    }
}

fn services_by_name(name: &str) -> Result<Vec<Service>, LookupError> {
    let known = Services::of_this_host();
    let found = known.by_name(name);
    if found.is_empty() {
        let near = program::nearest(name, known.names()).map(str::to_owned);
        return Err(LookupError::Service { name: name.to_owned(), near });
    }
    Ok(found)
}

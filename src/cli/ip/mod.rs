//! `ip`: an address or a network in all its forms.

mod given;
mod private;
mod report;

use clap::Args;

use super::error::CliError;
use super::tool::ToolFormat;
use crate::machine::Status;
use given::Given;
use report::{AddressReport, NetworkReport};

/// What the help shows.
pub(super) const EXAMPLES: &str = "\
Examples:
  lossproof ip 61.135.169.125
  lossproof ip 1032300925             (an integer: IPv4 below 2^32, else IPv6)
  lossproof ip 0x3d87a97d             (packed: 8 hex digits for IPv4, 32 for IPv6)
  lossproof ip 2001:db8::/64 --json
  lossproof ip 10.0.0.1/29            (the network that the address lies in)";

/// The words after `ip`.
#[derive(Debug, Args)]
pub(super) struct IpArgs {
    /// An address as text, integer or packed bytes, or a network such as 10.0.0.0/29
    #[arg(value_name = "ADDRESS", allow_hyphen_values = true)]
    address: Given,
    /// How to write it.
    #[command(flatten)]
    format: ToolFormat,
}

/// Shows an address or a network.
pub(super) fn run(args: &IpArgs) -> Result<Status, CliError> {
    match args.address {
        Given::Address(address) => args.format.write(&[AddressReport::new(address)]),
        Given::Network(network) => args.format.write(&[NetworkReport::new(network)]),
    }
}

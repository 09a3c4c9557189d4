#[test]
#[ignore = "it is vacuous, which is what the guide shows"]
fn duplicates_do_no_harm() {
    Check::new(one_file()).loss(0.3).runs(1_000).demand_faults([FaultKind::Duplicate]).assert();
}

//! From what a project declares to the manifest inside its component.

use std::collections::BTreeSet;

use cryptobot_model::{Capability, Declaration, Manifest};
use wasm_encoder::{ComponentSection, CustomSection};

/// The table of a Rust project's `Cargo.toml` that declares what the plugin needs.
pub const TABLE: &str = "package.metadata.cryptobot";
/// Its key below `package.metadata`.
pub(crate) const KEY: &str = "cryptobot";

/// Reads the table [`TABLE`]; an error is one line that names the field.
pub(crate) fn declaration(table: &serde_json::Value) -> Result<Declaration, String> {
    let declaration = fields(table)?;
    match declaration.problem() {
        None => Ok(declaration),
        Some((field, problem)) => Err(format!("{field} {problem}")),
    }
}

/// Reads one field after the other first, so that an error names its field.
fn fields(table: &serde_json::Value) -> Result<Declaration, String> {
    let Some(fields) = table.as_object() else { return Err("must be a table".to_owned()) };
    for (field, value) in fields {
        let alone = serde_json::Map::from_iter([(field.clone(), value.clone())]);
        serde_json::from_value::<Declaration>(alone.into()).map_err(|error| format!("{field}: {error}"))?;
    }
    serde_json::from_value(table.clone()).map_err(|error| error.to_string())
}

/// Appends the manifest to a component as its custom section.
pub fn embed(component: &mut Vec<u8>, manifest: &Manifest) -> Result<(), serde_json::Error> {
    let json = serde_json::to_vec(manifest)?;
    CustomSection { name: Manifest::SECTION.into(), data: json.into() }.append_to_component(component);
    Ok(())
}

/// The line that declares interfaces in a project: `interfaces = ["account", "orders"]`.
pub(crate) fn interfaces_line(interfaces: &BTreeSet<Capability>) -> String {
    let names: Vec<String> = interfaces.iter().map(|interface| format!("\"{interface}\"")).collect();
    format!("interfaces = [{}]", names.join(", "))
}

#[cfg(test)]
mod tests {
    use cryptobot_model::RunMode;
    use serde_json::json;

    use super::*;

    #[test]
    fn projects_declare_what_they_need() {
        let table =
            json!({"interfaces": ["orders", "account"], "modes": ["backtest"], "limits": {"memory_mib": 8}});
        let declared = declaration(&table).unwrap();
        assert_eq!(interfaces_line(&declared.interfaces), r#"interfaces = ["orders", "account"]"#);
        assert_eq!(declared.modes, [RunMode::Backtest].into());
        assert_eq!(declared.limits.memory_mib, Some(8));
        assert_eq!(declaration(&json!({})).unwrap(), Declaration::default());
    }

    #[test]
    fn errors_name_the_field() {
        for (table, words) in [
            (json!({"interfaces": ["oders"]}), "interfaces: unknown variant `oders`"),
            (json!({"interface": []}), "unknown field `interface`"),
            (json!({"instruments": ["BTC USDT"]}), "instruments: `BTC USDT` is no pattern"),
            (json!({"instruments": []}), "instruments is empty"),
            (json!({"limits": {"memory": 1}}), "limits: unknown field `memory`"),
            (json!({"limits": {"memory_mib": 0}}), "limits.memory_mib must lie in 1..65536"),
            (json!({"limits": {"memory_mib": -3}}), "limits: invalid value"),
            (json!([]), "must be a table"),
        ] {
            let error = declaration(&table).unwrap_err();
            assert!(error.contains(words), "expected `{words}` in: {error}");
        }
    }
}

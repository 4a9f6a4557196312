#!/usr/bin/env bash
# The rules of deny.toml that need no tool: only known licences, only the registry, no duplicates of
# the crates that must be one. Used where cargo-deny is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo metadata --format-version 1 --all-features | python3 -c '
import json, re, sys, tomllib
rules = tomllib.load(open("deny.toml", "rb"))
allowed = set(rules["licenses"]["allow"])
exceptions = {one["crate"]: set(one["allow"]) for one in rules["licenses"].get("exceptions", [])}
metadata = json.load(sys.stdin)
names = {package["id"]: package["name"] for package in metadata["packages"]}
# Of each package that comes in, who brings it.
users = {}
for node in metadata["resolve"]["nodes"]:
    for used in node["deps"]:
        users.setdefault(used["pkg"], set()).add(names[node["id"]])
wrong = []
for package in metadata["packages"]:
    name = package["name"] + " " + package["version"]
    if package["source"] and not package["source"].startswith("registry+"):
        wrong.append(name + " does not come from the registry")
    text = package["license"] or ""
    known = allowed | exceptions.get(package["name"], set())
    def holds(expression):
        expression = expression.replace("/", " OR ")
        alternatives = re.split(r"\s+OR\s+", expression.replace("(", " ").replace(")", " "))
        return any(all(part.strip() in known for part in re.split(r"\s+AND\s+", one)) for one in alternatives)
    if not holds(text):
        wrong.append(name + " has the licence: " + (text or "none"))
    for ban in rules["bans"]["deny"]:
        if package["name"] == ban["crate"]:
            others = users.get(package["id"], set()) - set(ban.get("wrappers", []))
            wrong.extend(name + " is banned: " + ban["reason"] + "; " + other + " brings it" for other in sorted(others))
print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
sys.exit(bool(wrong))
'

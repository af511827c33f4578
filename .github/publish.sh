#!/usr/bin/env bash
# Publishes to npm, in the release workflow. Provenance wants the package to name the repository it comes from.
set -euo pipefail
npm pkg set repository.type=git "repository.url=git+https://github.com/${GITHUB_REPOSITORY:?}.git"
npx --yes @changesets/cli@3.0.3 publish

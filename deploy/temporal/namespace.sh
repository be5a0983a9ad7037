#!/bin/sh
# The namespace of the decisions: made once, and given at every start the retention of .env and the
# search attributes by which decisions are found. Temporal is reached as TEMPORAL_ADDRESS says.
set -eu

on_namespace() {
  temporal "$@" --namespace "$TEMPORAL_NAMESPACE"
}

usable() {
  on_namespace operator namespace update --retention "$TEMPORAL_RETENTION" &&
    on_namespace operator search-attribute create \
      --name HandoverStatus --type Keyword \
      --name HandoverUrgency --type Keyword \
      --name HandoverAgent --type Keyword \
      --name HandoverApprover --type KeywordList \
      --name HandoverExpiresAt --type Datetime &&
    on_namespace workflow count --query "HandoverStatus = 'pending'"
}

on_namespace operator namespace describe >/dev/null 2>&1 ||
  on_namespace operator namespace create --retention "$TEMPORAL_RETENTION"

# A server caches what it knows of namespaces: it may take seconds until it knows a new one.
attempts=30
until usable; do
  attempts=$((attempts - 1))
  [ "$attempts" -gt 0 ] || exit 1
  sleep 1
done

#!/bin/sh
# Temporal's two databases: made once, and brought up to the version of this image at every start.
# How PostgreSQL is reached is read from SQL_* by temporal-sql-tool itself.
set -eu

versions=/etc/temporal/schema/postgresql/v12

update() {
  temporal-sql-tool --db "$1" update-schema --schema-dir "$versions/$2/versioned"
}

# Setting up writes version 0.0, from which every migration would run again over the data. So it
# happens only where the tool says that no version is recorded; any other failure is one.
prepare() {
  temporal-sql-tool --db "$1" create-database
  if said=$(update "$1" "$2" 2>&1); then
    echo "$1: the schema is up to date"
    return
  fi
  case $said in
    *schema_version*'does not exist'* | *'no rows in result set'*) ;;
    *)
      echo "$said" >&2
      return 1
      ;;
  esac
  echo "$1: new, its schema is set up"
  temporal-sql-tool --db "$1" setup-schema --version 0.0
  update "$1" "$2"
}

prepare temporal temporal
prepare temporal_visibility visibility

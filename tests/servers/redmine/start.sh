#!/bin/sh
# Starts Redmine, as Debian packs it and where it was unpacked, on a loopback port: start.sh PORT
#
# The packages expect to lie below / and to be furnished by their installation. So Ruby is told where
# everything is, and Redmine's own folder is copied here, with the two files that say a place changed.
set -eu
port=$1
lib=usr/lib
multi=$lib/$(basename "$(dirname "$(find "$SERVER_ROOT/$lib" -maxdepth 2 -name rubygems-integration | head -n 1)")")
roots() { # FOLDERS… below what was unpacked, and below / for what this machine had already
  for folder in "$@"; do printf '%s:/%s:' "$SERVER_ROOT/$folder" "$folder"; done
}
RUBYLIB=$(roots $lib/ruby/vendor_ruby/3.1.0 "$multi/ruby/vendor_ruby/3.1.0" $lib/ruby/vendor_ruby $lib/ruby/3.1.0 "$multi/ruby/3.1.0")
GEM_PATH=$(roots usr/share/rubygems-integration/3.1.0 usr/share/rubygems-integration/all "$multi/rubygems-integration/3.1.0" $lib/ruby/gems/3.1.0)
export RUBYLIB GEM_PATH GEM_HOME="$PWD/gems" HOME="$PWD" RAILS_ENV=production X_DEBIAN_SITEID=default

redmine=$SERVER_ROOT/usr/share/redmine
[ -d "$redmine" ] || redmine=/usr/share/redmine
cp -r "$redmine" redmine
cd redmine
rm -rf instances Gemfile.lock config/database.yml
# It looks for databases at a fixed place; what only its own tests need is not there.
sed -i -e 's#/usr/share/redmine/#./#' -e '/^group :test/,/^end/d' Gemfile
instance=instances/default
mkdir -p $instance/config $instance/tmp $instance/log $instance/files $instance/plugins
printf 'production: { adapter: sqlite3, database: %s/redmine.db, timeout: 5000 }\n' "$PWD" >$instance/config/database.yml
printf 'only-for-the-tests-of-porchlight-%064d' 0 >$instance/config/secret_key.txt
exec ruby "$(command -v puma || echo "$SERVER_ROOT/usr/bin/puma")" -b "tcp://127.0.0.1:$port" -e production ../furnished.ru

#!/usr/bin/env bash
# Writes envoy/src/gen: TypeScript typings of Envoy's configuration (decision 0012). Development time only:
# run it after an update of @grpc/grpc-js-xds or ts-proto and commit what it writes. Needs Go for one module.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH="$root/node_modules/.bin:$PATH"

cp "$here"/buf*.yaml "$work"
cp -r "$root"/node_modules/@grpc/grpc-js-xds/deps/{envoy-api,googleapis,xds} "$work"

# The validate.proto inside grpc-js-xds is older than the protos beside it, which do not compile against it.
validate=$(cd "$work" && go mod download -json github.com/envoyproxy/protoc-gen-validate@v1.2.1 |
  sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
mkdir -p "$work/protoc-gen-validate/validate"
cp "$validate/validate/validate.proto" "$work/protoc-gen-validate/validate/"

(cd "$work" && buf generate)
# Option declarations: no message refers to them.
rm -r "$work"/gen/{validate,envoy/annotations,udpa,xds/annotations,google/protobuf/descriptor.ts}

version() { node -p "require('$root/node_modules/$1/package.json').version"; }
cat >"$work/gen/SOURCE.json" <<EOF
{
  "@grpc/grpc-js-xds": "$(version @grpc/grpc-js-xds)",
  "ts-proto": "$(version ts-proto)"
}
EOF

rm -rf "$root/envoy/src/gen"
mv "$work/gen" "$root/envoy/src/gen"
echo "$(find "$root/envoy/src/gen" -name '*.ts' | wc -l) files in envoy/src/gen"

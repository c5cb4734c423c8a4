// Prints a tarball's bill of materials in CycloneDX. npm makes the bill, and this script replaces the
// fields that would differ each time.
//
// usage: node scripts/write-sbom.cjs TARBALL

const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');

const run = (file, ...args) => execFileSync(file, args, { encoding: 'utf8' });
const hash = (algorithm) =>
  createHash(algorithm).update(readFileSync(process.argv[2])).digest('hex');

const bill = JSON.parse(
  run('npm', 'sbom', '--package-lock-only', '--omit', 'dev', '--sbom-format', 'cyclonedx'),
);
const { component } = bill.metadata;
component.name = 'kpass'; // npm writes the name of the folder.
// No package is needed at run time. These are compiled into the binaries, and the first two are packed.
bill.components = ['node-addon-api', 'node-api-headers'].map((name) => {
  const { version, license } = require(`${name}/package.json`);
  const purl = `pkg:npm/${name}@${version}`;
  return {
    'bom-ref': purl,
    type: 'library',
    name,
    version,
    licenses: [{ license: { id: license } }],
    purl,
  };
});
const [, zig] = /^readonly version=(\S+)/m.exec(
  readFileSync(`${__dirname}/platforms/install-zig`, 'utf8'),
);
bill.components.push({
  'bom-ref': `libc++@zig-${zig}`,
  type: 'library',
  name: 'libc++',
  version: `zig ${zig}`,
  description: "in the binaries for musl: LLVM's libc++, libc++abi and libunwind, as zig has them",
  licenses: [{ expression: 'Apache-2.0 WITH LLVM-exception' }],
});
component.hashes = [{ alg: 'SHA-512', content: hash('sha512') }];

// The time of the commit, and a UUID made from the tarball (version 8, for custom schemes).
const epoch = process.env.SOURCE_DATE_EPOCH ?? timeOfCommit();
bill.metadata.timestamp = new Date(Number(epoch) * 1000).toISOString();
bill.serialNumber = `urn:uuid:${hash('sha256').replace(
  /^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/,
  '$1-$2-8$3-8$4-$5',
)}`;
console.log(JSON.stringify(bill, null, 2));

/** In s since 1970; 0 without git or its history. */
function timeOfCommit() {
  try {
    return execFileSync('git', ['log', '-1', '--format=%ct'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '0';
  }
}

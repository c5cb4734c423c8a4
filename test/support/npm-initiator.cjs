// The client of npm's package kerberos (scripts/build-npm-kerberos). Its arguments and its lines are those
// of initiator.py.

const { once } = require('node:events');
const { join } = require('node:path');
const { createInterface } = require('node:readline');
const kerberos = require(join(__dirname, '../../build-kerberos/node_modules/kerberos'));

const [target, form] = process.argv.slice(2);

async function main() {
  const mechOID = form === 'spnego' ? kerberos.GSS_MECH_OID_SPNEGO : kerberos.GSS_MECH_OID_KRB5;
  const client = await kerberos.initializeClient(target, { mechOID });
  await client.step('');
  console.log(client.response);
  const [answer] = await once(createInterface(process.stdin), 'line');
  if (answer !== '') await client.step(answer);
  console.log(client.contextComplete ? 'complete' : 'incomplete');
}

main().catch((error) => console.log(`refused: ${error.message}`));

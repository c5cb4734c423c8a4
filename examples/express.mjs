// @ts-check
// Express 5: basicAuth() is middleware. It answers the requests that it does not let in.

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import express from 'express';
import { kerberosAuth } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', ({ error }) => console.error(error));

const app = express();
app.use(kerberosAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM }));
app.get('/', (request, response) => {
  response.type('text').send(`Welcome, ${request.kpass?.principal}.`);
});

const server = createServer(tls, app);
server.listen(PORT, ADDRESS, () => announce(server));

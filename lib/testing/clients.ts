// The clients of a realm: its users, with the tickets that they have and the tokens that they send.

import type { RealmFiles } from './files.js';
import { checkOptions, type Names } from './principals.js';
import type { Services } from './services.js';
import { type Login, logIn, serviceTicket, type TicketOptions, withRealm } from './tickets.js';
import { makeToken, type TokenOptions } from './token.js';

const TICKET_OPTIONS: Names<TicketOptions> = { config: true };

const TOKEN_OPTIONS: Names<TokenOptions> = {
  ...TICKET_OPTIONS,
  form: true,
  mutual: true,
  bindings: true,
  time: true,
};

export class Clients {
  readonly #realm: string;
  readonly #files: RealmFiles;
  readonly #services: Services;

  constructor(realm: string, files: RealmFiles, services: Services) {
    this.#realm = realm;
    this.#files = files;
    this.#services = services;
  }

  /** Resolves to the path of a new credential cache with the user's ticket. */
  async ticket(user: string, options: TicketOptions): Promise<string> {
    checkOptions(options, TICKET_OPTIONS);
    const login = await this.#login(user, options);
    await logIn(login);
    return login.cache;
  }

  /** Makes a new token that the user's browser would send to the service. */
  async token(user: string, service: string, options: TokenOptions): Promise<Uint8Array> {
    checkOptions(options, TOKEN_OPTIONS);
    const login = await this.#login(user, options);
    return makeToken(await serviceTicket(login, withRealm(service, this.#realm)), options);
  }

  async #login(user: string, { config = this.#files.config }: TicketOptions): Promise<Login> {
    const keytab = this.#files.nextPath('keytab');
    await this.#services.writeKeytab(keytab, [user]);
    const cache = this.#files.nextPath('ccache');
    return { user: withRealm(user, this.#realm), keytab, config, cache };
  }
}

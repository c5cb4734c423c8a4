// NestJS 12 on Express: a guard. Decorators need "experimentalDecorators" in tsconfig.json, which
// `nest new` sets. Run it with: node --import tsx nest.mts

import 'reflect-metadata';
import { subscribe } from 'node:diagnostics_channel';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpException,
  Module,
  Req,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Request, Response } from 'express';
import { basicAuth, RequestError } from 'kpass/http';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The browser learns nothing of it.
subscribe('kpass:error', ({ error }) => console.error(error));

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });

class KerberosGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request>();
    const response = context.switchToHttp().getResponse<Response>();
    try {
      if (await auth.check(request)) return true;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      response.set(error.headers);
      throw new HttpException(error.message, error.statusCode);
    }
    response.set(auth.headers(request));
    throw new UnauthorizedException('A user name and a password, please.');
  }
}

@Controller()
@UseGuards(KerberosGuard)
class Pages {
  @Get()
  welcome(@Req() request: Request): string {
    return `Welcome, ${request.kpass?.principal}.`;
  }
}

@Module({ controllers: [Pages] })
class Site {}

const app = await NestFactory.create(Site, { httpsOptions: tls, logger: ['error', 'warn'] });
await app.listen(PORT, ADDRESS);
announce(app.getHttpServer());

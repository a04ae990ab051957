// The typed clients of the API: generated from the same .proto files as the server.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { CachingService } from "../gen/flytelike/service/caching_pb";
import { AccessService } from "../gen/flytelike/service/access_pb";
import { AdminService } from "../gen/flytelike/service/admin_pb";
import { ConsoleService } from "../gen/flytelike/service/console_pb";
import { DataProxyService } from "../gen/flytelike/service/dataproxy_pb";
import { DerivationService } from "../gen/flytelike/service/derivation_pb";
import { IdentityService } from "../gen/flytelike/service/identity_pb";
import { MaintenanceService } from "../gen/flytelike/service/maintenance_pb";
import { DiagnosticSchema } from "../gen/flytelike/service/registration_pb";
import { ScheduleService } from "../gen/flytelike/service/schedules_pb";
import { SignalService } from "../gen/flytelike/service/signal_pb";
import { TenancyService } from "../gen/flytelike/service/tenancy_pb";
import { WatchService } from "../gen/flytelike/service/watch_pb";

const transport = createConnectTransport({ baseUrl: `${location.origin}/api` });

export const access = createClient(AccessService, transport);
export const admin = createClient(AdminService, transport);
export const caching = createClient(CachingService, transport);
export const pages = createClient(ConsoleService, transport);
export const dataProxy = createClient(DataProxyService, transport);
export const derivation = createClient(DerivationService, transport);
export const identity = createClient(IdentityService, transport);
export const maintenance = createClient(MaintenanceService, transport);
export const schedules = createClient(ScheduleService, transport);
export const signals = createClient(SignalService, transport);
export const tenancy = createClient(TenancyService, transport);
export const watch = createClient(WatchService, transport);

export interface Place {
  readonly project: string;
  readonly domain: string;
}

export interface RunId extends Place {
  readonly name: string;
}

/** What went wrong, for people: one line each, with what to do about it. */
export function faults(error: unknown): { readonly code: string; readonly text: string; readonly help: readonly string[] }[] {
  const found = ConnectError.from(error);
  const told = found.findDetails(DiagnosticSchema).map(({ code, headline, help }) => ({ code, text: headline, help }));
  return told.length > 0 ? told : [{ code: Code[found.code].toLowerCase(), text: found.rawMessage, help: [] }];
}

export const isMissing = (error: unknown): boolean => ConnectError.from(error).code === Code.NotFound;
export const isUnknownCaller = (error: unknown): boolean => ConnectError.from(error).code === Code.Unauthenticated;

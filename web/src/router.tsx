import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { Gate } from './frame/Gate';
import { NotFound, PageProblem } from './frame/Fallbacks';
import { parseSearch, stringifySearch } from './url';

const root = createRootRoute({ component: Gate, notFoundComponent: NotFound, errorComponent: PageProblem });

const page = <P extends string>(path: P, load: () => Promise<{ default: React.ComponentType }>) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load), errorComponent: PageProblem });

const tree = root.addChildren([
  page('/', () => import('./pages/Overview/OverviewPage')),
  page('/devices', () => import('./pages/Devices/DevicesPage')),
  page('/devices/$device', () => import('./pages/Devices/DevicePage')),
  page('/broker', () => import('./pages/Broker/BrokerPage')),
  page('/quarantine', () => import('./pages/Quarantine/QuarantinePage')),
  page('/trace/$commit/$ordinal', () => import('./pages/Trace/TracePage')),
  page('/administration', () => import('./pages/Administration/AdministrationPage')),
  page('/account', () => import('./pages/Account/AccountPage')),
]);

export const router = createRouter({ routeTree: tree, defaultPreload: 'intent', defaultPreloadDelay: 60, defaultPendingMs: 0, defaultPendingMinMs: 0, scrollRestoration: true, parseSearch, stringifySearch });

declare module '@tanstack/react-router' {
  interface Register { router: typeof router }
}

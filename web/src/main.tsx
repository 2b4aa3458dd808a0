import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './styles.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { Problem } from './api/client';
import { startI18n } from './i18n';
import { router } from './router';
import { theme } from './theme';

const client = new QueryClient({
  defaultOptions: {
    queries: {
      refetchOnWindowFocus: false,
      // Only a line that is down is worth trying again; a refusal is an answer.
      retry: (count, error) => error instanceof Problem && error.isNetwork && count < 3,
      retryDelay: (attempt) => Math.min(10_000, 800 * 2 ** attempt),
    },
  },
});
const colorSchemeManager = localStorageColorSchemeManager({ key: 'headwater.theme' });

await startI18n();
const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colorSchemeManager}>
          <Notifications position="bottom-right" limit={4} />
          <RouterProvider router={router} />
        </MantineProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}

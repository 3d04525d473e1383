import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Failure, findSession, session } from './api.ts';
import { Dialog } from './components/dialog.tsx';
import { ErrorNote, Loading } from './components/loaded.tsx';
import { Page } from './components/page.tsx';
import { Empty } from './components/table.tsx';
import { Toasts } from './components/toast.tsx';
import { LoginForm } from './login.tsx';
import { PAGES } from './pages.tsx';
import { href, route } from './router.ts';
import { Shell } from './shell.tsx';

/** The console: login first, then the pages. */
export function App() {
  return (
    <>
      <Inside />
      <Toasts />
    </>
  );
}

/** A session that expires leaves its page in place behind the login, so that nothing typed is lost. */
function Inside() {
  const state = session.value;
  if (state.kind === 'unknown') return <Start />;
  if (state.kind === 'out' && !state.expired) return <LoginPage />;
  return (
    <Shell>
      <CurrentPage />
      <Dialog title="Your session has expired" open={state.kind === 'out'}>
        <p>Log in again to continue. This page keeps what you typed.</p>
        <LoginForm />
      </Dialog>
    </Shell>
  );
}

function Start() {
  const failure = useSignal<Failure | undefined>(undefined);
  const find = async () => {
    failure.value = undefined;
    const found = await findSession();
    if (!found.ok) failure.value = found.failure;
  };
  useEffect(() => void find(), []);
  return (
    <main class="alone">
      {failure.value === undefined ? (
        <Loading what="the console" />
      ) : (
        <ErrorNote failure={failure.value} onRetry={find} />
      )}
    </main>
  );
}

function LoginPage() {
  return (
    <main class="alone">
      <Page title="Headgate" answer="Log in to see what is live and to change it.">
        <LoginForm />
      </Page>
    </main>
  );
}

function CurrentPage() {
  const name = route.value.page || 'live';
  const entry = PAGES.find(({ id }) => id === name);
  if (entry !== undefined) return <entry.component />;
  return (
    <Page title="No such page">
      <Empty>
        No page has this address. <a href={href('live')}>See what is live</a>
      </Empty>
    </Page>
  );
}

import { render } from 'preact';
import { App } from './app.tsx';
import { startClock } from './clock.ts';
import { startRouter } from './router.ts';
import { startTheme } from './theme.ts';

startTheme();
startClock();
startRouter();
render(<App />, document.getElementById('app') as HTMLElement);

import { useState } from 'preact/hooks';
import { formatAt, formatSigned, type IntervalPoint } from './chart-points.ts';

/** All points of a chart as a table: always there for screen readers, and for everybody at the press of a button. */
export function ChartTable(props: {
  readonly id: string;
  readonly name: string;
  readonly points: readonly IntervalPoint[];
}) {
  const [isShown, show] = useState(false);
  return (
    <>
      <button type="button" aria-expanded={isShown} aria-controls={props.id} onClick={() => show(!isShown)}>
        {isShown ? 'Hide the numbers' : 'Show the numbers'}
      </button>
      <div id={props.id} class={isShown ? 'chart-table' : 'unseen'}>
        <table>
          <caption class="unseen">{props.name}</caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Difference</th>
              <th scope="col">From</th>
              <th scope="col">To</th>
            </tr>
          </thead>
          <tbody>
            {props.points.map(({ atMs, value, low, high }) => (
              <tr key={atMs}>
                <th scope="row">{formatAt(atMs)}</th>
                <td>{formatSigned(value)}</td>
                <td>{formatSigned(low)}</td>
                <td>{formatSigned(high)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

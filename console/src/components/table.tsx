import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Numbers stand to the right. */
  readonly numeric?: boolean;
}

/** On a narrow screen each row becomes a block of name and value. The first column names its row. */
export function Table<Row>(props: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string | number;
  /** Shown without rows. */
  empty?: ComponentChildren;
}) {
  const { caption, columns, rows, keyOf, empty = 'Nothing here yet.' } = props;
  if (rows.length === 0) return <Empty>{empty}</Empty>;
  return (
    <table class="table">
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ head, numeric }) => (
            <th key={head} scope="col" class={numeric ? 'num' : undefined}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>{columns.map((column, index) => cellOf(column, row, index === 0))}</tr>
        ))}
      </tbody>
    </table>
  );
}

function cellOf<Row>({ head, cell, numeric }: Column<Row>, row: Row, isFirst: boolean) {
  const attributes = { key: head, 'data-head': head, class: numeric ? 'num' : undefined };
  return isFirst ? (
    <th {...attributes} key={head} scope="row">
      <div>{cell(row)}</div>
    </th>
  ) : (
    <td {...attributes} key={head}>
      <div>{cell(row)}</div>
    </td>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

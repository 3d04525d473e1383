import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

/** A section of a page. `aside` stands beside its title: a badge, a link. */
export function Card(props: {
  title: ComponentChildren;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class="card" aria-labelledby={id}>
      <header class="row">
        <h2 id={id}>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

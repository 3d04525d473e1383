import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Tone } from './badge.tsx';

/** The frame of a page: one question as its title, and the answer as its first sentence. */
export function Page(props: {
  title: string;
  answer?: ComponentChildren;
  tone?: Tone;
  aside?: ComponentChildren;
  children?: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${props.title} · Headgate`;
    // Screen readers announce the new page. A field of it that has taken the focus keeps it.
    if (!(document.activeElement instanceof HTMLInputElement))
      heading.current?.focus({ preventScroll: true });
  }, [props.title]);
  return (
    <>
      <header class="row">
        <h1 ref={heading} tabIndex={-1}>
          {props.title}
        </h1>
        {props.aside}
      </header>
      {props.answer !== undefined && <p class={`answer ${props.tone ?? ''}`}>{props.answer}</p>}
      {props.children}
    </>
  );
}

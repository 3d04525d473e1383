/**
 * A Host that cannot be a web page's own name: an IP address, a name without dots, or one that public DNS never answers.
 * A page can make its name point to our address (DNS rebinding), and then read what an internal port answers.
 */
export const OWN_HOST =
  /^(\[[0-9A-Fa-f:.]+\]|[0-9.]+|[A-Za-z0-9_-]+|[A-Za-z0-9._-]+\.(svc|local|internal))(:[0-9]+)?$/;

export const HOST_EXPECTED =
  'Host: expected an IP address, a name without dots, or one that ends in .svc, .local or .internal\n';

/** Programs may leave Host out; browsers never do. */
export const isOwnHost = (host: string | undefined): boolean => host === undefined || OWN_HOST.test(host);

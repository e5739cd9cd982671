/** What is an IP address; node:net knows it too, and costs a program that loads it 6 ms and its streams. */

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** 4 or 6 for an address in its usual form, without brackets; 0 for anything else. */
export function ipVersion(text: string): 0 | 4 | 6 {
  if (IPV4.test(text)) return 4;
  return text.includes(":") && URL.canParse(`http://[${text}]`) ? 6 : 0;
}

export function isIp(text: string): boolean {
  return ipVersion(text) !== 0;
}

// The type of `import text from "..." with { type: "text" }`, by file ending.
declare module "*.service" {
  const text: string;
  export default text;
}
declare module "*.timer" {
  const text: string;
  export default text;
}
declare module "*.openrc" {
  const text: string;
  export default text;
}
declare module "*.procd" {
  const text: string;
  export default text;
}
declare module "*.conf" {
  const text: string;
  export default text;
}
declare module "*.sh" {
  const text: string;
  export default text;
}
declare module "*/auth-hook" {
  const text: string;
  export default text;
}
declare module "*.cron" {
  const text: string;
  export default text;
}
declare module "*.bash" {
  const text: string;
  export default text;
}
declare module "*.fish" {
  const text: string;
  export default text;
}
declare module "*/_ctrl-exec" {
  const text: string;
  export default text;
}
declare module "*.1" {
  const text: string;
  export default text;
}
declare module "*.5" {
  const text: string;
  export default text;
}
declare module "*.8" {
  const text: string;
  export default text;
}
declare module "*.path" {
  const text: string;
  export default text;
}

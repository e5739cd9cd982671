import manifest from "../../package.json";

/** The version that `--version`, ping and the API report. */
export const VERSION: string = manifest.version;

import manifest from "../../package.json";

/** The build puts it in; undefined when the sources run as they are. */
declare const BUILD_COMMIT: string | undefined;

/** The version that `--version`, ping and the API report. */
export const VERSION: string = manifest.version;

/** What `--version` prints behind the program's name: the version, and the commit it was built from. */
export function versionText(): string {
  const commit = typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : "";
  return commit === "" ? VERSION : `${VERSION} (commit ${commit})`;
}

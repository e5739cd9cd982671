import { makeFileStore } from "../../../support/file-store.ts";
import { storeSuite } from "./store-suite.ts";

storeSuite("the store in files", makeFileStore);

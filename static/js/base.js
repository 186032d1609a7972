// The entry of every page.

import { start as startCopy } from "./copy.js";
import { startSearchKey } from "./keys.js";
import { start as startMenus } from "./menus.js";
import { start as startTheme } from "./theme.js";
import { start as startVeils } from "./veil.js";

startTheme();
startMenus();
startCopy();
startSearchKey();
startVeils();

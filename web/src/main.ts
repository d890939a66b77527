import { mount } from "svelte";
import App from "./App.svelte";
import "./tokens.css";
import "./base.css";
import { account } from "./lib/account.svelte";

const target = document.getElementById("page");
if (target === null) throw new Error("index.html has no #page");
void account.begin();
target.replaceChildren();
mount(App, { target });

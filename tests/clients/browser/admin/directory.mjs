// A directory of invented people: always the same for the same number. `node directory.mjs` imports it.
import { api } from "./api.mjs";

export const SIZE = Number(process.env.USERS ?? 100_000);

const GIVEN = `Ada Agnes Alan Amara Anita Annie Aylin Barbara Bastian Carla Chen Chloe Claude Clara Dana David Deniz Diego Dorothy Edith
Elena Elif Emil Emma Erik Esther Farah Felix Fatima Grace Hanna Hedy Helena Hugo Ida Igor Ines Isaac Ivan Jana Joan Jonas Julia
Kai Karim Katherine Kenji Lena Leon Lina Luca Lucia Magda Malik Mara Marco Maria Marie Marta Mateo Maya Milan Mina Mira Nadia
Naomi Nils Nina Noah Noor Olga Omar Oscar Paula Pavel Petra Priya Rafael Rania Robin Rosa Ruth Samir Sara Selma Sofia Stella Sven
Tara Theo Tim Uma Valentina Vera Viktor Wanda Wei Yara Yusuf Zoe`.split(/\s+/);

const FAMILY = `Lovelace Hopper Turing Hamilton Johnson Vaughan Jackson Lamarr Noether Curie Meitner Franklin Goodall Carson Mirzakhani
Tereshkova Ride Jemison Ochoa Bell Rubin Payne Leavitt Cannon Mitchell Somerville Herschel Germain Agnesi Kovalevskaya Ramanujan
Banneker Carver Drew Just Julian Latimer Morgan Woods McCoy Nakamura Tanaka Sato Suzuki Watanabe Yamamoto Kim Park Choi Nguyen Tran
Singh Patel Sharma Gupta Khan Rahman Hussain Demir Kaya Yilmaz Celik Novak Horvat Kowalski Nowak Ivanova Petrova Popescu Ionescu
Rossi Ferrari Bianchi Romano Garcia Martinez Lopez Fernandez Silva Santos Costa Pereira Dubois Laurent Moreau Lefevre Meyer Fischer
Weber Schneider Becker Hoffmann Larsen Nielsen Hansen Lindqvist Virtanen Okafor Mensah Diallo Traore Abebe Kamau Dlamini Haddad
Mansour Cohen Levi Walsh Murphy Byrne MacDonald Evans Clarke Wright`.split(/\s+/);

const DEPARTMENTS = ["Engineering", "Sales", "Customer Support", "Finance", "People", "Marketing", "Legal", "Operations", "Research", "Design"];
const TITLES = ["Engineer", "Account Manager", "Support Specialist", "Analyst", "Recruiter", "Editor", "Counsel", "Planner", "Scientist", "Designer"];
export const GROUPS = [...DEPARTMENTS, "Berlin Office", "Nairobi Office", "Toronto Office", "On-call", "Book Club"];

const HEADER = "userName,displayName,name.givenName,name.familyName,emails.value,emails.type,emails.primary,title,enterprise.department,enterprise.employeeNumber,externalId,active,groups";

/** Person number `i`, from 0. */
export function person(i) {
    const given = GIVEN[i % GIVEN.length];
    const family = FAMILY[Math.floor(i / GIVEN.length) % FAMILY.length];
    const round = Math.floor(i / GIVEN.length / FAMILY.length);
    const middle = round ? String.fromCharCode(64 + round) : "";
    const userName = [given, middle, family].filter(Boolean).join(".").toLowerCase();
    const department = (i * 7 + Math.floor(i / 10) * 3) % DEPARTMENTS.length;
    return {
        userName,
        displayName: [given, middle && `${middle}.`, family].filter(Boolean).join(" "),
        given,
        family,
        email: `${userName}@example.com`,
        title: TITLES[department],
        department: DEPARTMENTS[department],
        employeeNumber: String(100_000 + i),
        externalId: `hr-${String(i).padStart(6, "0")}`,
        active: i % 23 !== 5,
        groups: i % 10 === 0 ? [DEPARTMENTS[department], GROUPS[DEPARTMENTS.length + (i / 10) % 5]] : [],
    };
}

/** @param {number} i */
function record(i) {
    const p = person(i);
    return [p.userName, p.displayName, p.given, p.family, p.email, "work", true, p.title, p.department, p.employeeNumber, p.externalId, p.active, p.groups.join(";")].join(",");
}

/** Imports what is missing of the directory. */
export async function importDirectory() {
    const { total } = await api("GET", "/users?limit=1&include=total");
    if (total >= SIZE) return;
    const { items } = await api("GET", "/groups?limit=500&attributes=displayName");
    const existing = items.map(({ displayName }) => displayName);
    for (const displayName of GROUPS.filter((name) => !existing.includes(name))) await api("POST", "/groups", { displayName });
    const csv = [HEADER, ...Array.from({ length: SIZE }, (_, i) => record(i)), ""].join("\n");
    const { refused } = await api("POST", "/import", csv, { type: "text/csv" });
    if (refused) throw new Error(`${refused} lines of the directory were refused`);
}

if (process.argv[1] === import.meta.filename) await importDirectory();
